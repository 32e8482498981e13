"""`python -m cluster.dkron`: Dkron, which `make bench` measures beside us; prints where its program is.

`go install` gets the module in the version below, checked by Go's checksum database, and builds it once into the
cache folder that Kubernetes and etcd are built into. Its agent is one program: executors for HTTP and shell are in it.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from . import build, system, toolchain
from .errors import ClusterError
from .paths import cache_folder
from .say import say

VERSION = "v4.0.9"
_PACKAGE = f"github.com/distribworks/dkron/v4@{VERSION}"
_GO = "go 1.26.0"
"""As a go.mod says it: the Go that the other programs are built with."""
_MINUTES = 3


def ensure(cache: Path, environ: Mapping[str, str]) -> Path:
    """The program, built now where it is missing; raises ClusterError (codes 4, 5, 6)."""
    file = cache / f"dkron-{VERSION}" / "dkron"
    if file.exists():
        return file
    with build.lock(cache):
        if not file.exists():
            build.check_space(cache, shutil.disk_usage(cache).free)
            say(f"Building Dkron {VERSION}: once, about {_MINUTES} minutes on two cores …")
            _install(file, cache, environ)
    return file


def _install(file: Path, cache: Path, environ: Mapping[str, str]) -> None:
    go, env = toolchain.find(cache, _GO, environ)
    target = file.parent / ".part"
    target.mkdir(parents=True, exist_ok=True)
    command = [go, "install", "-ldflags", "-s -w", _PACKAGE]
    env |= {"GOBIN": str(target)}
    build.run_go(command, env, file.name, folder=target, draft=target / file.name, file=file)
    target.rmdir()


def main() -> int:
    """Prints the path on stdout; a foreseen failure is one sentence and an exit code of its own."""
    environ = {**os.environ, "PATH": system.path(os.environ.get("PATH", ""))}
    try:
        print(ensure(cache_folder(environ, Path.home()), environ))
    except ClusterError as error:
        say(f"crontask: {error.sentence}")
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
