"""The operator's image for running it in the cluster: `make images`.

With Docker (CLUSTER=kind, current) it is the ordinary build of `operator/Dockerfile`. A local cluster gets an image
with the same packages, made of this machine's Python, the locked wheels and our own, without Docker.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .errors import ClusterError
from .images import Image, archive
from .paths import CHECKOUT
from .rootfs import Layer, add_python
from .say import say

NAME = "crontask-operator:0.1.0"
_LOCKS = [CHECKOUT / "requirements" / f"{program}.txt" for program in ("operator", "gateway")]
_PACKAGES = "/opt/crontask/packages"
_SECONDS = 900


def image() -> Image:
    """The image by the names under which the chart and `kubectl run` look for it."""
    return Image(
        names=(f"docker.io/library/{NAME}", "localhost/crontask/operator:0.1.0"),
        fill=_fill,
        command=("python", "-m", "crontask_operator"),
        environment=(
            "PATH=/usr/local/bin:/bin:/usr/bin",
            f"PYTHONPATH={_PACKAGES}",
            "PYTHONUNBUFFERED=1",
            "PYTHONDONTWRITEBYTECODE=1",
            "PYTHONTZPATH=",
            "USER=crontask-operator",  # its number has no name in the user file
        ),
        user="65532:65532",
    )


def make_archive(folder: Path) -> Path:
    """The image as a file in `folder`, always made anew: the sources may have changed."""
    file = folder / "crontask-operator.tar"
    file.unlink(missing_ok=True)
    return archive(image(), file)


def build_with_docker(environ: Mapping[str, str]) -> bool:
    """`docker build`, with its output shown; whether it succeeded."""
    say("Building the operator's image with Docker (a few minutes the first time) …")
    command = ["docker", "build", "--file", "operator/Dockerfile", "--tag", NAME, "."]
    try:
        return subprocess.run(command, cwd=CHECKOUT, env=environ, timeout=_SECONDS, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise ClusterError("docker is missing or too slow: start Docker, or use CLUSTER=local.", 6) from error


def _fill(layer: Layer) -> None:
    add_python(layer)
    with tempfile.TemporaryDirectory() as folder:
        packages, wheels = Path(folder) / "packages", Path(folder) / "wheels"
        _uv("build", "--wheel", "--no-build-isolation", "--out-dir", str(wheels), str(CHECKOUT))
        # The compiled parts fit, because the image has this very Python.
        install = ("pip", "install", "--target", str(packages), "--python", sys.executable, "--link-mode=copy")
        for lock in _LOCKS:
            _uv(*install, "--only-binary=:all:", "--require-hashes", "--requirement", str(lock))
        _uv(*install, "--no-deps", *map(str, wheels.glob("*.whl")))
        layer.tree(_PACKAGES, packages)
    layer.file("/opt/crontask/LICENSE", CHECKOUT / "LICENSE")


def _uv(*args: str) -> None:
    command = [str(Path(sys.executable).parent / "uv"), "--quiet", *args]
    result = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if result.returncode:
        complaint = result.stderr.strip().splitlines() or ["no message"]
        raise ClusterError(f"uv could not prepare the operator's packages ({complaint[-1]}): try again.", 5)
