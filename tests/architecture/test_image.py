"""The operator's image: what it is made from exists, reaches the build, is locked, and runs without rights."""

import fnmatch
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "operator" / "Dockerfile").read_text("utf-8")
LOCK = (ROOT / "requirements" / "operator.txt").read_text("utf-8")


def sources() -> list[str]:
    """What the Dockerfile copies from the repository."""
    return [line.split()[1] for line in DOCKERFILE.splitlines() if re.match(r"COPY (?!--from)", line)]


def test_every_source_exists_and_is_not_ignored() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] not in ("", "#")]
    allowed = [line[1:] for line in lines if line.startswith("!")]
    assert sources()
    for source in sources():
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, f"{name}*") for name in allowed), source


def test_the_image_holds_the_operator_and_what_it_imports() -> None:
    packages = {Path(source).name for source in sources()}
    assert {"crontask_core", "crontask_kube", "crontask_operator"} <= packages


def test_it_runs_as_a_numbered_user_without_rights() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["65532:65532"]


def test_the_lock_pins_every_package_with_hashes_and_no_address() -> None:
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(entries) > 30
    assert [entry for entry in entries if "==" not in entry.split("\n")[0] or "--hash=sha256:" not in entry] == []
    assert "://" not in LOCK


def test_the_lock_agrees_with_the_one_that_the_tests_run_with() -> None:
    def pins(text: str) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))

    tested = pins((ROOT / "requirements" / "dev.txt").read_text("utf-8"))
    assert {name: version for name, version in pins(LOCK).items() if tested.get(name) != version} == {}
