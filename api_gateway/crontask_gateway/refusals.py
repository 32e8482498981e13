"""What each of the gateway's errors is in HTTP, unless a dialect's system has another status for it. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from crontask_gateway.errors import (
    Broken,
    Conflict,
    Forbidden,
    GatewayError,
    Invalid,
    Paused,
    TooLarge,
    TooMany,
    TooSlow,
    Unauthorised,
    Unavailable,
    Unknown,
    Unsupported,
)

Statuses = Mapping[type[GatewayError], int]
STATUSES: Statuses = MappingProxyType(
    {
        Unknown: 404,
        Invalid: 400,
        Conflict: 409,
        Unauthorised: 401,
        Forbidden: 403,
        TooMany: 429,
        TooLarge: 413,
        TooSlow: 408,
        Unsupported: 501,
        Paused: 503,
        Unavailable: 503,
        Broken: 500,
    }
)
"""RFC 9110, section 15, and RFC 6585 for 429."""


def status_of(error: GatewayError, others: Statuses = MappingProxyType({})) -> int:
    """The status of an error, a dialect's own kinds of them included; `others` go before `STATUSES`."""
    known = {**STATUSES, **others}
    return next((known[kind] for kind in type(error).__mro__ if kind in known), 500)


def retry_after(error: GatewayError) -> tuple[tuple[str, str], ...]:
    """When it is worth asking again, as a header, where the error says so: whole seconds, at least one."""
    if isinstance(error, (TooMany, Unavailable)) and error.retry_after is not None:
        return (("Retry-After", str(max(1, round(error.retry_after)))),)
    return ()
