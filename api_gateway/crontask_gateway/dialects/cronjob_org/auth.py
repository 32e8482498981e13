"""Who is asking: an API key as bearer."""

from datetime import datetime

from crontask_gateway.errors import Unauthorised
from crontask_gateway.http import Facts
from crontask_gateway.principal import Access, Principal

_SCHEME = "bearer "


def check(facts: Facts, access: Access, now: datetime) -> Principal:
    """The principal. Raises Unauthorised for no key or an unknown one."""
    told = facts.headers.get("authorization", "")
    if not told and access.open:
        return access.everybody()
    if not told.lower().startswith(_SCHEME):
        raise Unauthorised("send an API key as Authorization: Bearer")
    principal = access.find(told[len(_SCHEME) :].strip().encode("latin-1", "replace"))
    if principal is None:
        raise Unauthorised("the API key is not known, or is disabled")
    return principal
