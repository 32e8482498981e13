"""Who is asking: a token as bearer, as `X-Dkron-Token`, or as the password of HTTP Basic.

The open-source server has no authentication; Dkron's OpenAPI document declares the
header `X-Dkron-Token`, the web UI sends a bearer, and installations behind a proxy
use Basic. A mount that is open by explicit choice lets everybody in.
"""

from base64 import b64decode
from binascii import Error
from datetime import datetime

from crontask_gateway.errors import Unauthorised
from crontask_gateway.http import Facts
from crontask_gateway.principal import Access, Principal


def check(facts: Facts, access: Access, now: datetime) -> Principal:
    """The principal. Raises Unauthorised: for no token, and for a wrong one also where the mount is open."""
    token = _token(facts)
    if token is None:
        if access.open:
            return access.everybody()
        raise Unauthorised("send a token as Authorization: Bearer, as X-Dkron-Token, or as the password of HTTP Basic")
    principal = access.find(token)
    if principal is None:
        if access.open and not access.credentials and access.keys is None:
            return access.everybody()  # no token is known here, so none is wrong: a proxy's Basic passes through
        raise Unauthorised("the token is not known")
    return principal


def _token(facts: Facts) -> bytes | None:
    """What the client shows; None where it shows nothing."""
    header = facts.headers.get("x-dkron-token")
    if header:
        return header.encode("latin-1", "replace")
    scheme, _, value = facts.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("latin-1", "replace")
    if scheme.lower() != "basic":
        return b"" if scheme else None
    try:
        return b64decode(value.strip(), validate=True).partition(b":")[2]
    except (Error, ValueError):
        return b""
