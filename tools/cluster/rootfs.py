"""What goes into the layers of our images: files of this machine, put where a container expects them.

`Layer` wraps a tar archive that is being written; each file is added once and belongs to root.
"""

import io
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

from .errors import missing

# Never needed in a container of ours, and half of the standard library's size.
_LEFT_OUT = {
    "test",
    "tests",
    "idlelib",
    "ensurepip",
    "lib2to3",
    "turtledemo",
    "tkinter",
    "site-packages",
    "__pycache__",
    "dist-packages",
    "pydoc_data",
}
_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
_GROUP = "root:x:0:\nnobody:x:65534:\n"


class Layer:
    """A layer being filled; paths in it are absolute, as the container will see them."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._names: set[str] = set()

    def folder(self, path: str, mode: int = 0o755) -> None:
        member = tarfile.TarInfo(path.strip("/"))
        member.type, member.mode = tarfile.DIRTYPE, mode
        self._put(member)

    def text(self, path: str, content: str) -> None:
        member = tarfile.TarInfo(path.strip("/"))
        member.size, member.mode = len(content.encode()), 0o644
        self._put(member, content.encode())

    def link(self, path: str, target: str) -> None:
        member = tarfile.TarInfo(path.strip("/"))
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
        self._put(member)

    def file(self, path: str, source: Path) -> None:
        """A copy of `source` (symbolic links followed), executable if it is so."""
        member = tarfile.TarInfo(path.strip("/"))
        content = source.read_bytes()
        member.size = len(content)
        member.mode = 0o755 if source.stat().st_mode & 0o111 else 0o644
        self._put(member, content)

    def program(self, path: str, source: Path) -> None:
        """A program or extension module, and the shared libraries it needs at their own places."""
        self.file(path, source)
        for library in shared_libraries(source):
            self.file(str(library), library)

    def tree(self, path: str, source: Path) -> None:
        """A folder without caches and tests; extension modules bring their shared libraries along."""
        for entry in sorted(source.iterdir()):
            if entry.name in _LEFT_OUT or entry.name.startswith("config-"):
                continue
            target = f"{path}/{entry.name}"
            if entry.is_dir():
                self.tree(target, entry)
            elif ".so" in entry.suffixes:
                self.program(target, entry)
            else:
                self.file(target, entry)

    def _put(self, member: tarfile.TarInfo, content: bytes = b"") -> None:
        if member.name not in self._names:
            self._names.add(member.name)
            self._archive.addfile(member, io.BytesIO(content))


def find_busybox() -> Path | None:
    found = shutil.which("busybox", path="/bin:/usr/bin:/usr/local/bin")
    return Path(found) if found else None


def busybox() -> Path:
    """The busybox of this machine; ClusterError (code 6) where there is none."""
    found = find_busybox()
    if found is None:
        raise missing("busybox", "install the package busybox-static")
    return found


def add_shell(layer: Layer) -> None:
    """busybox under each of its names, and the few files that programs look for."""
    program = busybox()
    for folder in ("bin", "etc", "root", "usr/bin", "usr/local/bin", "var"):
        layer.folder(folder)
    layer.folder("tmp", 0o1777)
    layer.text("etc/passwd", _PASSWD)
    layer.text("etc/group", _GROUP)
    layer.program("bin/busybox", program)
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True, timeout=30).stdout
    for name in names.split():
        layer.link(f"bin/{name}", "busybox")


def add_python(layer: Layer) -> None:
    """The Python that runs this, moved to /usr/local, with a shell beside it."""
    add_shell(layer)
    version = f"python3.{sys.version_info.minor}"
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    layer.program(f"usr/local/bin/{version}", base)
    for name in ("python", "python3"):
        layer.link(f"usr/local/bin/{name}", version)
    for kind in ("stdlib", "platstdlib"):
        layer.tree(f"usr/local/lib/{version}", Path(sysconfig.get_path(kind)))
    zones = Path("/usr/share/zoneinfo")
    layer.folder(f"usr/local/lib/{version}/site-packages")
    if (zones / "UTC").exists():
        layer.file(str(zones / "UTC"), zones / "UTC")


def shared_libraries(file: Path) -> list[Path]:
    """What `ldd` says a program or library needs, the loader included; nothing for a static one."""
    answer = subprocess.run(["ldd", str(file)], capture_output=True, text=True, timeout=30, check=False).stdout
    words = (line.replace("=>", " ").split() for line in answer.splitlines())
    return [Path(path) for line in words for path in line if path.startswith("/") and not path.endswith(":")]
