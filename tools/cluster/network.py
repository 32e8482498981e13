"""The network of a local cluster: a link from this machine to the node, and the pods' addresses behind it.

One /16 of the machine's own: its first half-kilobyte for the link, its upper half for pods. Nothing on the
machine is changed but one link and one route, and both vanish with the node's network namespace.
"""

import ipaddress
import json
import subprocess
from dataclasses import dataclass

from .paths import State

SERVICES = "10.96.0.0/16"


@dataclass(frozen=True)
class Network:
    """The addresses of one cluster, all derived from its /16."""

    subnet: str

    def _address(self, number: int) -> str:
        return str(ipaddress.IPv4Network(self.subnet)[number])

    @property
    def host(self) -> str:
        """This machine's end of the link: where pods find the API server."""
        return self._address(1)

    @property
    def node(self) -> str:
        return self._address(2)

    @property
    def pods(self) -> str:
        """32,000 addresses: a pod's is not used again at once."""
        return str(list(ipaddress.IPv4Network(self.subnet).subnets(1))[1])


def taken() -> list[str]:
    """The networks that this machine has routes or addresses for (the default route aside)."""
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all"))
    return [route["dst"] for route in routes if route["dst"] != "default"]


def connect(state: State, network: Network, node: int) -> None:
    """Lay the link to the node with process id `node`, and both its ends' addresses and routes."""
    disconnect(state)
    _ip("link", "add", state.link, "type", "veth", "peer", "name", "eth0", "netns", str(node))
    _ip("address", "add", f"{network.host}/24", "dev", state.link)
    _ip("link", "set", state.link, "up")
    inside = ["nsenter", f"--target={node}", "--net", "ip"]
    _run([*inside, "address", "add", f"{network.node}/24", "dev", "eth0"])
    _run([*inside, "link", "set", "eth0", "up"])
    _run([*inside, "route", "add", "default", "via", network.host])
    _ip("route", "replace", network.pods, "via", network.node, "dev", state.link)


def is_connected(state: State) -> bool:
    return subprocess.run(["ip", "link", "show", state.link], capture_output=True, check=False).returncode == 0


def disconnect(state: State) -> None:
    """Take the link away; the kernel does so too, a moment after the node has ended."""
    subprocess.run(["ip", "link", "delete", state.link], capture_output=True, check=False)


def _ip(*args: str) -> str:
    return _run(["ip", *args])


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
