"""Who is asking, which tenant and namespace that means, and what they may do. Pure.

A dialect's `auth.check` finds the principal among what the configuration gives
it (`Access`), by the credentials that its system uses.
"""

from dataclasses import dataclass
from hmac import compare_digest
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, Protocol

from crontask_gateway.errors import Forbidden

Right = Literal["read", "write", "run"]
"""To see jobs and executions; to create, change and delete them; to run and stop them."""
Network = IPv4Network | IPv6Network
ALL_RIGHTS: frozenset[Right] = frozenset({"read", "write", "run"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody known, or everybody (`name` is empty) where a mount is open."""

    name: str
    tenant: str
    namespace: str
    rights: frozenset[Right] = ALL_RIGHTS
    key: str = ""
    """The name of the token or API key that was shown; quotas go by it."""
    addresses: tuple[Network, ...] = ()
    """Where it may come from; empty for anywhere."""
    per_day: int | None = None
    """How many requests it has in a day: 0 for any number, None where the dialect decides."""

    def admits(self, peer: str) -> bool:
        """Whether it may come from there; an IPv4 address within IPv6 counts as what it is."""
        if not self.addresses:
            return True
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.addresses)

    def require(self, right: Right) -> None:
        """Raises Forbidden."""
        if right not in self.rights:
            raise Forbidden(f'"{self.name}" lacks the right to {right}; grant it in the gateway\'s configuration')


@dataclass(frozen=True, slots=True)
class Credential:
    """One token that the configuration names."""

    principal: Principal
    secret: bytes

    def __repr__(self) -> str:
        return f"Credential({self.principal.name})"

    def matches(self, given: str | bytes) -> bool:
        """Whether this is it, in the same time whether or not."""
        return compare_digest(given.encode(errors="replace") if isinstance(given, str) else given, self.secret)


class Keys(Protocol):
    """API keys that come and go while the gateway runs."""

    def find(self, given: bytes) -> Principal | None:
        """Whose key this is."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a mount."""

    namespace: str
    """Where jobs of the nameless tenant are."""
    credentials: tuple[Credential, ...] = ()
    open: bool = False
    """Whether those without credentials are let in as everybody: only by explicit choice."""
    keys: Keys | None = None

    def everybody(self) -> Principal:
        """The principal of an open mount."""
        return Principal("", "", self.namespace)

    def find(self, given: str | bytes) -> Principal | None:
        """Whose token or key this is. Looks at all tokens, so that the time tells nothing."""
        shown = given.encode(errors="replace") if isinstance(given, str) else given
        found = [each.principal for each in self.credentials if each.matches(shown)]
        if found:
            return found[0]
        return self.keys.find(shown) if self.keys else None
