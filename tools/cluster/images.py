"""Container images made on the spot, because no registry is asked for any: one with a shell, one with Python.

An image is a tar archive as `docker save` writes it, with one layer; containerd, docker and kind all take it. The
layer is made from files of this machine: busybox, and the Python that runs this program with the shared libraries
it needs. Archives are kept in the user's cache, named after what they were made from.
"""

import hashlib
import io
import json
import platform
import sys
import sysconfig
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .node_files import PAUSE_IMAGE
from .rootfs import Layer, add_python, add_shell, busybox, find_busybox
from .say import say

DEMO_IMAGE = "localhost/crontask/shell:1"
EXAMPLES_IMAGE = "busybox:1.37"
"""What `examples/` name: a cluster with a registry pulls it, the others know our shell image by this name too."""
PYTHON_IMAGE = "localhost/crontask/python:1"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Image:
    """An image: its names, what its one layer holds, what a container of it runs."""

    names: tuple[str, ...]
    fill: Callable[[Layer], None]
    command: tuple[str, ...]
    environment: tuple[str, ...] = ("PATH=/usr/local/bin:/bin:/usr/bin",)
    user: str = ""


def standard() -> list[Image]:
    """The images that every cluster with a node has."""
    return [
        Image((PAUSE_IMAGE,), add_shell, ("sleep", "infinity")),
        Image((DEMO_IMAGE, EXAMPLES_IMAGE), add_shell, ("sh",)),
        Image((PYTHON_IMAGE,), add_python, ("python3",)),
    ]


def names(*, own: bool) -> dict[str, str]:
    """The images that tests and the demo use, by the name of their setting: ours, or ones that a registry has."""
    if own:
        return {"DEMO_IMAGE": DEMO_IMAGE, "PYTHON_IMAGE": PYTHON_IMAGE}
    return {"DEMO_IMAGE": EXAMPLES_IMAGE, "PYTHON_IMAGE": "python:3.13-slim"}


def archives_if_possible(cache: Path) -> list[Path]:
    """The standard images where they can be made (Linux with busybox), else none."""
    if not sys.platform.startswith("linux") or find_busybox() is None:
        return []
    return archives(standard(), cache)


def archives(images: Iterable[Image], cache: Path) -> list[Path]:
    """The archives of the images, made now where the cache has none."""
    return [archive(image, cache / "images" / f"{_key(image)}.tar") for image in images]


def archive(image: Image, file: Path) -> Path:
    """The image as a file; complete or not there at all."""
    if file.exists():
        return file
    say(f"Making the image {image.names[0]} …")
    file.parent.mkdir(parents=True, exist_ok=True)
    layer_file, draft = file.with_suffix(".layer"), file.with_suffix(".part")
    try:
        with tarfile.open(layer_file, "w") as layer:
            image.fill(Layer(layer))
        digest = hashlib.sha256(layer_file.read_bytes()).hexdigest()
        with tarfile.open(draft, "w") as target:
            _add(target, "config.json", json.dumps(config(image, digest)).encode())
            target.add(layer_file, "layer.tar")
            manifest = [{"Config": "config.json", "RepoTags": list(image.names), "Layers": ["layer.tar"]}]
            _add(target, "manifest.json", json.dumps(manifest).encode())
        draft.replace(file)
    finally:
        layer_file.unlink(missing_ok=True)
        draft.unlink(missing_ok=True)
    return file


def config(image: Image, layer_sha256: str) -> dict[str, object]:
    """The image's configuration, as in the OCI image specification."""
    return {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Cmd": list(image.command), "Env": list(image.environment), "WorkingDir": "/", "User": image.user},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_sha256}"]},
        "history": [{"created_by": "crontask make up"}],
    }


def _key(image: Image) -> str:
    """Changes with the image's name and command, with busybox, Python and the way the layer is made."""
    made_by = [Path(__file__).with_name(name).read_bytes() for name in ("images.py", "rootfs.py")]
    what = [*image.names, str(busybox().stat().st_size), sys.version, sysconfig.get_path("stdlib")]
    digest = hashlib.sha256(b"".join([*made_by, "\n".join(what).encode()])).hexdigest()
    return f"{image.names[0].rpartition('/')[2].replace(':', '-')}-{digest[:12]}"


def _add(target: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    target.addfile(member, io.BytesIO(content))
