"""The programs of the system that a node and its images need, installed with apt where they are missing.

Packages that start services (containerd) are kept from doing so: by a `policy-rc.d` during the installation, and
by disabling the service afterwards. Nothing that was there before is touched.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import missing
from .say import say

PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "busybox": "busybox-static",
}
_PLUGINS = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
_POLICY = Path("/usr/sbin/policy-rc.d")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def path(environ_path: str) -> str:
    """PATH with the folders of system programs, which a user's PATH may lack."""
    return f"{environ_path}:{_PATH}"


def plugins(folders: tuple[str, ...] = _PLUGINS) -> Path | None:
    """The folder of the CNI programs."""
    return next((Path(folder) for folder in folders if (Path(folder) / "ptp").exists()), None)


def absent(which: Callable[[str], str | None], has_plugins: bool) -> list[str]:
    """The packages to install, without doubles, in a fixed order."""
    packages = [package for program, package in PACKAGES.items() if which(program) is None]
    if not has_plugins:
        packages.append("containernetworking-plugins")
    return list(dict.fromkeys(packages))


def ensure(search_path: str) -> Path:
    """Install what is missing and return the folder of the CNI programs; raises ClusterError (code 6)."""

    def which(program: str) -> str | None:
        return shutil.which(program, path=search_path)

    packages = absent(which, plugins() is not None)
    if packages:
        _install(packages, which)
    found = plugins()
    left = absent(which, found is not None)
    if left or found is None:
        raise missing(f"What the packages {', '.join(left)} hold", "install them by hand, then try again")
    return found


def _install(packages: list[str], which: Callable[[str], str | None]) -> None:
    names = " ".join(packages)
    if which("apt-get") is None:
        raise missing(f"What Debian's packages {names} hold", "install them with your system's package program")
    say(f"Installing the packages {names} (about half a minute) …")
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    with _no_services("containerd" in packages):
        result = _apt(install)
        if result.returncode:  # perhaps the lists of packages are old or absent
            _apt(["apt-get", "update", "--quiet"])
            result = _apt(install)
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise missing(f"One of the packages {names}", f"apt-get says {last!r}: mend that, or install them by hand")


def _apt(command: list[str]) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": path(os.environ.get("PATH", ""))}
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=900, check=False)


@contextmanager
def _no_services(disable: bool) -> Iterator[None]:
    """Packages start no service meanwhile, and containerd not at the next boot either."""
    ours = not _POLICY.exists()
    if ours:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            _POLICY.unlink(missing_ok=True)
        if disable and Path("/run/systemd/system").is_dir():
            with contextlib.suppress(OSError):
                subprocess.run(["systemctl", "disable", "containerd.service"], capture_output=True, check=False)
