"""The operator's image: what it is made from exists, reaches the build, is locked, and runs without rights."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "operator" / "Dockerfile").read_text("utf-8")
LOCKS = ["build.txt", "operator.txt", "gateway.txt"]


def sources() -> list[str]:
    """What the Dockerfile copies from the repository."""
    copies = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if re.match(r"COPY (?!--from)", line)]
    return [source for copied in copies for source in copied]


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def test_every_source_exists_and_is_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert sources()
    for source in sources():
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, source


def test_every_package_of_the_wheel_reaches_the_build() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.split("/")[0] for package in packages} <= set(sources())


@pytest.mark.parametrize("program", ["operator", "gateway"])
def test_what_each_program_needs_is_installed(program: str) -> None:
    lock = f"requirements/{program}.txt"
    assert lock in sources()
    assert f"--require-hashes --requirement /src/{lock}" in DOCKERFILE


def test_it_runs_as_a_numbered_user_without_rights() -> None:
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["65532:65532"]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_package_with_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) == len(pins(name)) > 3
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_agrees_with_the_one_that_the_tests_run_with(name: str) -> None:
    tested = pins("dev.txt")
    assert {package: pin for package, pin in pins(name).items() if tested.get(package) != pin} == {}
