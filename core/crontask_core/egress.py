"""Which network addresses an HTTP action may reach.

The executor asks `EgressPolicy.verdict` about every address that a host name
resolved to, right before it connects, at every redirect again. Built once at
start from the operator's settings by `standard`.

One rule: of all networks that hold an address, built-in denials, `allow` and
`deny` alike, the longest prefix decides; between equals `deny` beats `allow`, and
`allow` beats a built-in denial. What no network holds is permitted. So `allow
0.0.0.0/0` opens neither loopback nor a metadata service, `deny 0.0.0.0/0`
with some `allow` is a closed list, and opening 127.0.0.1 takes saying so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ALLOW_SETTING = "CRONTASK_EGRESS_ALLOW"
DENY_SETTING = "CRONTASK_EGRESS_DENY"

_ALWAYS_DENIED = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "the unspecified network": ("0.0.0.0/8", "::/128"),
    "link-local": ("169.254.0.0/16", "fe80::/10", "fec0::/10"),
    # AWS, Azure, GCP, OpenStack; AWS and GCP over IPv6; Alibaba; Azure's host; Oracle's range of RFC 6890.
    "a cloud's metadata service": (
        "169.254.169.254/32",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.0/24",
    ),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "broadcast or reserved": ("240.0.0.0/4", "255.255.255.255/32", "100::/64"),
    # IPv4-compatible addresses (RFC 4291) and local NAT64 (RFC 8215) hide an IPv4 address whose place is not certain.
    "an embedded IPv4 address": ("::/96", "64:ff9b:1::/48"),
}
_NAT64 = IPv6Network("64:ff9b::/96")
_BUILT_IN, _ALLOW, _DENY = range(3)


@dataclass(frozen=True, slots=True)
class _Rule:
    network: Network
    rank: int
    name: str

    def weight(self) -> tuple[int, int]:
        return self.network.prefixlen, self.rank


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Networks that are denied and allowed, heaviest rule first; see the module's one rule."""

    rules: tuple[_Rule, ...]

    @classmethod
    def standard(
        cls,
        *,
        allow: Iterable[Network] = (),
        deny: Iterable[Network] = (),
        api_servers: Iterable[Address] = (),
    ) -> "EgressPolicy":
        """The built-in denials with an installation's own lists.

        `api_servers` are the addresses of the Kubernetes API, denied unless one is allowed by its full
        length. Private networks are reachable unless `deny` names them: there a cluster's services are.
        """
        named = [(text, name) for name, texts in _ALWAYS_DENIED.items() for text in texts]
        named += [(str(address), "the Kubernetes API server") for address in api_servers]
        rules = [_Rule(ip_network(text), _BUILT_IN, name) for text, name in named]
        rules += [_Rule(network, _ALLOW, ALLOW_SETTING) for network in allow]
        rules += [_Rule(network, _DENY, DENY_SETTING) for network in deny]
        return cls(tuple(sorted(rules, key=_Rule.weight, reverse=True)))

    def verdict(self, address: Address | str) -> str | None:
        """None where the address may be reached, else a sentence with the rule and the setting to change.

        An address that carries an IPv4 address inside (IPv4-mapped, NAT64, 6to4, Teredo) must pass as
        itself and by what it carries. Raises ValueError for a text that is no address.
        """
        outer = ip_address(address) if isinstance(address, str) else address
        for judged in (outer, *_inner(outer)):
            if sentence := self._refusal(judged, outer):
                return sentence
        return None

    def _refusal(self, judged: Address, outer: Address) -> str | None:
        rule = next((rule for rule in self.rules if judged in rule.network), None)
        if rule is None or rule.rank == _ALLOW:
            return None
        shown = str(outer) if judged == outer else f"{outer} (which leads to {judged})"
        if rule.rank == _DENY:
            return f"{shown} is in {rule.network}, which {DENY_SETTING} denies; take it out there if it may be reached"
        return f"{shown} is {rule.name} ({rule.network}); put it into {ALLOW_SETTING} if it may be reached"


def _inner(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address carries (RFC 4291, 6052, 3056, 4380)."""
    if isinstance(address, IPv4Address):
        return []
    found: list[Address] = [inner for inner in (address.ipv4_mapped, address.sixtofour) if inner is not None]
    if address in _NAT64:
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return found + list(address.teredo or ())
