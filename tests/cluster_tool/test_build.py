"""Building programs from pinned modules: where they go, and what a failure leaves."""

import os
import shutil
from pathlib import Path

import pytest

from cluster import build, dkron, toolchain
from cluster.errors import ClusterError

MODULE = "require k8s.io/kubernetes v1.36.3\n\ngo 1.26.0\n"


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A go that the tests write themselves, alone on PATH beside the shell's own programs."""
    program = tmp_path / "bin" / "go"
    program.parent.mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: shutil._ntuple_diskusage(10**12, 0, 10**12))
    return program


def write_go(program: Path, build_line: str) -> dict[str, str]:
    """A go that says it is 1.26 and for `go build -ldflags F -o FILE PACKAGE` or `go install` runs `build_line`."""
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = version ]; then echo go version go1.26.1 linux/amd64; exit; fi\n{build_line}\n'
    )
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.defpath}"}


def test_a_program_is_built_once(go: Path, tmp_path: Path) -> None:
    env = write_go(go, f'echo built >> {tmp_path}/count; echo program > "$5"; chmod +x "$5"')
    cache = tmp_path / "cache"
    first = build.ensure(["etcd"], cache, env)
    assert build.ensure(["etcd"], cache, env) == first
    assert first["etcd"].read_text() == "program\n"
    assert (tmp_path / "count").read_text() == "built\n"
    assert [file.name for file in first["etcd"].parent.iterdir()] == ["etcd"]


def test_a_failed_build_tells_the_compilers_last_line_and_leaves_no_program(go: Path, tmp_path: Path) -> None:
    env = write_go(go, 'echo half > "$5"; echo first; echo "no route to host" >&2; exit 1')
    with pytest.raises(ClusterError) as error:
        build.ensure(["etcd"], tmp_path / "cache", env)
    assert error.value.code == 5
    assert "Building etcd failed (no route to host)" in error.value.sentence
    log = build.folder("etcd", tmp_path / "cache") / "etcd.log"
    assert str(log) in error.value.sentence
    assert [file.name for file in log.parent.iterdir()] == ["etcd.log"]


def test_dkron_is_installed_once_in_the_version_that_is_named(go: Path, tmp_path: Path) -> None:
    env = write_go(go, f'echo "$4" >> {tmp_path}/asked; echo program > "$GOBIN/dkron"')
    file = dkron.ensure(tmp_path / "cache", env)
    assert dkron.ensure(tmp_path / "cache", env) == file
    assert file.read_text() == "program\n"
    assert (tmp_path / "asked").read_text() == f"github.com/distribworks/dkron/v4@{dkron.VERSION}\n"
    assert [each.name for each in file.parent.iterdir()] == ["dkron"]


def test_a_dkron_that_cannot_be_had_is_told_and_leaves_no_program(go: Path, tmp_path: Path) -> None:
    env = write_go(go, 'echo "no such module" >&2; exit 1')
    with pytest.raises(ClusterError) as error:
        dkron.ensure(tmp_path / "cache", env)
    assert error.value.code == 5
    assert "Building dkron failed (no such module)" in error.value.sentence
    assert not list((tmp_path / "cache").glob("dkron-*/dkron"))


def test_too_little_space_is_told_before_anything_is_built(tmp_path: Path) -> None:
    with pytest.raises(ClusterError) as error:
        build.check_space(tmp_path, 300_000_000)
    assert error.value.code == 4
    assert error.value.sentence == (
        f"Only 0.3 GB are free for {tmp_path}, 6.0 GB are needed: "
        "free some space, or set XDG_CACHE_HOME to a folder on a larger disk."
    )
    build.check_space(tmp_path, 7_000_000_000)


def test_each_program_belongs_to_a_module_that_lists_it_as_a_tool() -> None:
    for program in build.PROGRAMS.values():
        go_mod = (Path(build.__file__).parent / program.module / "go.mod").read_text()
        assert program.package in go_mod


def test_kubernetes_reports_the_version_that_is_pinned() -> None:
    flags = build.linker_flags(MODULE)
    assert "-X k8s.io/component-base/version.gitVersion=v1.36.3" in flags
    assert "-X k8s.io/component-base/version.gitMinor=36" in flags
    assert build.linker_flags("go 1.26.0\n") == "-s -w"


def test_modules_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = {build.folder(module, tmp_path) for module in ("etcd", "kubernetes")}
    assert len(folders) == 2
    assert {folder.parent for folder in folders} == {tmp_path}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.27rc1 darwin/arm64", (1, 27)),
        ("go version devel", None),
        ("", None),
    ],
)
def test_the_release_of_a_go(answer: str, found: tuple[int, int] | None) -> None:
    assert toolchain.version(answer) == found


def test_the_release_that_a_module_wants() -> None:
    assert toolchain.wanted(MODULE) == (1, 26)
    with pytest.raises(ValueError, match="no `go` line"):
        toolchain.wanted("module x\n")


def test_a_go_that_is_too_old_is_replaced_by_the_one_from_the_cache(tmp_path: Path) -> None:
    old, new = tmp_path / "old" / "go", tmp_path / "cache" / "go" / "go" / "bin" / "go"
    for program, release in ((old, "1.19"), (new, "1.26.6")):
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho go version go{release} linux/amd64\n")
        program.chmod(0o755)
    found, env = toolchain.find(tmp_path / "cache", MODULE, {"PATH": str(old.parent)})
    assert found == str(new)
    assert env["CGO_ENABLED"] == "0"
