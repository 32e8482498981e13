"""Kubernetes and etcd from pinned Go modules: built once, when first needed, into the user's cache folder.

The folder's name is a hash of what decides the result (go.mod, go.sum, the linker flags, the platform), so a
new version builds anew and an old checkout finds its own. A program appears under its name only when complete.
"""

import fcntl
import hashlib
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import toolchain
from .errors import build_failed, no_space
from .say import say

_HERE = Path(__file__).parent
_NEED = 6_000_000_000  # bytes: Go's module cache 1.5 GB, its build cache 3 GB, the programs 0.5 GB
_SECONDS = 3600  # for one program on a slow machine


@dataclass(frozen=True)
class Program:
    """A program, the module folder that pins it, the package to build, and how long that takes when cold."""

    name: str
    module: str
    package: str
    minutes: int


def _kubernetes(name: str, minutes: int) -> Program:
    return Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", minutes)


PROGRAMS = {
    program.name: program
    for program in (
        Program("etcd", "etcd", "go.etcd.io/etcd/server/v3", 2),
        _kubernetes("kube-apiserver", 7),
        _kubernetes("kube-controller-manager", 3),
        _kubernetes("kube-scheduler", 1),
        _kubernetes("kubelet", 1),
        _kubernetes("kube-proxy", 1),
        _kubernetes("kubectl", 1),
    )
}


def ensure(names: Sequence[str], cache: Path, environ: Mapping[str, str]) -> dict[str, Path]:
    """The programs by name, built now where they are missing; raises ClusterError (codes 4, 5, 6)."""
    files = {name: folder(PROGRAMS[name].module, cache) / name for name in names}
    if all(file.exists() for file in files.values()):
        return files
    with lock(cache):
        absent = [PROGRAMS[name] for name in names if not files[name].exists()]
        if absent:
            check_space(cache, shutil.disk_usage(cache).free)
            minutes = sum(program.minutes for program in absent)
            say(f"Building {', '.join(p.name for p in absent)}: once, about {minutes} minutes on two cores …")
        for program in absent:
            _build(program, files[program.name], cache, environ)
    return files


def check_space(cache: Path, free: int) -> None:
    if free < _NEED:
        raise no_space(cache, free, _NEED, "free some space, or set XDG_CACHE_HOME to a folder on a larger disk")


def folder(module: str, cache: Path) -> Path:
    """Where the programs of a module are kept."""
    parts = [(_HERE / module / name).read_bytes() for name in ("go.mod", "go.sum")]
    parts += [linker_flags(parts[0].decode()).encode(), f"{platform.system()}-{platform.machine()}".encode()]
    return cache / f"{module}-{hashlib.sha256(bytes(64).join(parts)).hexdigest()[:12]}"


def linker_flags(go_mod: str) -> str:
    """Small programs, and for Kubernetes the version it reports (else it says v0.0.0-master)."""
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", go_mod)
    if not found:
        return "-s -w"
    values = {"gitVersion": found[1], "gitMajor": found[2], "gitMinor": found[3]}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(["-s -w", *(f"-X {p}.{key}={value}" for p in packages for key, value in values.items())])


def _build(program: Program, file: Path, cache: Path, environ: Mapping[str, str]) -> None:
    module = _HERE / program.module
    go_mod = (module / "go.mod").read_text()
    go, env = toolchain.find(cache, go_mod, environ)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{program.name}.part")
    command = [go, "build", "-ldflags", linker_flags(go_mod), "-o", str(draft), program.package]
    run_go(command, env, program.name, folder=module, draft=draft, file=file)


def run_go(command: Sequence[str], env: Mapping[str, str], name: str, *, folder: Path, draft: Path, file: Path) -> None:
    """Runs a command of Go in `folder` that makes `draft`, and puts that in its place; a failure leaves the log."""
    log = file.with_name(f"{name}.log")
    say(f"  {name} …")
    began = time.monotonic()
    try:
        with log.open("wb") as output:
            result = subprocess.run(
                command, cwd=folder, env=env, stdout=output, stderr=output, timeout=_SECONDS, check=False
            )
    except subprocess.TimeoutExpired as error:
        raise build_failed(name, f"no end after {_SECONDS} s", log) from error
    if result.returncode:
        draft.unlink(missing_ok=True)
        raise build_failed(name, _last_line(log), log)
    draft.replace(file)
    log.unlink()
    say(f"  {name} built in {time.monotonic() - began:.0f} s")


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["no message"])[-1][:200]


@contextmanager
def lock(cache: Path) -> Iterator[None]:
    """One build at a time on this machine: a second one waits and then finds everything there."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
