"""What is not a job: the one virtual server as member, leader and status; the file of a restore; the pause."""

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from crontask_gateway import gojson
from crontask_gateway.dialects.dkron.checks import check
from crontask_gateway.dialects.dkron.wire import JobIn
from crontask_gateway.errors import Invalid
from crontask_gateway.gotime import GoError

VERSION = "4.0.9"
"""The version of Dkron whose API this is."""
PORT, RPC_PORT = 8946, 6868
STATUSES = {0: "none", 1: "alive", 2: "leaving", 3: "left", 4: "failed"}
IS_LEADER, IS_FOLLOWER = "I am a leader", "I am a follower"
MAX_RESTORED = 10_000
"""Jobs of one file."""

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_FILE = re.compile(rb'(?im)^content-disposition:[^\r\n]*;\s*name="?file"?(?:;|\s*$)')
_SERF = {
    "coordinate_resets": "0",
    "encrypted": "false",
    "event_queue": "0",
    "event_time": "1",
    "failed": "0",
    "health_score": "0",
    "intent_queue": "0",
    "left": "0",
    "member_time": "1",
    "members": "1",
    "query_queue": "0",
    "query_time": "1",
}


def leader(node: str, address: str, *, alive: bool = True) -> dict[str, Any]:
    """The virtual server as `/v1/leader` shows it. `address` is an IP address."""
    return {
        "Name": node,
        "Addr": address,
        "Port": PORT,
        "Tags": _tags(address),
        "Status": 1 if alive else 4,
        "ProtocolMin": 1,
        "ProtocolMax": 5,
        "ProtocolCur": 2,
        "DelegateMin": 2,
        "DelegateMax": 5,
        "DelegateCur": 4,
    }


def members(node: str, address: str, *, alive: bool = True) -> list[dict[str, Any]]:
    """All servers, as `/v1/members` and `/v1/leave` show them; the id is the same each time."""
    shown = leader(node, address, alive=alive)
    return [{"id": str(uuid5(NAMESPACE_DNS, node))} | shown | {"statusText": STATUSES[shown["Status"]]}]


def status(node: str, address: str) -> dict[str, Any]:
    """What `/v1` answers: three objects of strings."""
    return {"agent": {"name": node, "version": VERSION}, "serf": _SERF, "tags": _tags(address)}


def pause_switch(tenant: str) -> str:
    """The name of the switch that keeps a tenant's jobs from being stored."""
    return f"dkron.paused.{blake2b(tenant.encode(), digest_size=8).hexdigest()}" if tenant else "dkron.paused"


def paused(on: bool) -> dict[str, bool]:
    """What the three endpoints of the pause answer."""
    return {"paused": on}


def restored_file(content_type: str, body: bytes) -> bytes | None:
    """The content of the form's field `file`; None where there is none."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or found is None:
        return None
    boundary = (found[1] or found[2]).encode("latin-1", "replace")
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        if blank and _FILE.search(head):
            return content
    return None


def restored_jobs(content: bytes) -> list[list[JobIn]]:
    """The jobs of a restore's file, level by level from those without a parent; of a name that comes twice the last.

    Raises Invalid where one of them cannot be stored.
    """
    try:
        listed = gojson.read(content)
        if not isinstance(listed, list):
            raise GoError(f"json: cannot unmarshal {gojson.called(listed)} into Go value of type []*dkron.Job")
        if len(listed) > MAX_RESTORED:
            raise Invalid(f"the file holds {len(listed)} jobs; at most {MAX_RESTORED} are restored at once")
        jobs = [JobIn.from_value(each) for each in listed]
    except GoError as error:
        raise Invalid(str(error)) from None
    for job in jobs:
        check(job)
    return _levels({job.name: job for job in jobs}.values())


def restore_result(results: Iterable[tuple[str, bool]]) -> str:
    """(name, whether it was stored) of each job, as the text of a JSON array; upstream answers that as a string."""
    told = [f"{'success' if stored else 'fail'} create {name}" for name, stored in results]
    return gojson.write(told).decode()


def _levels(jobs: Iterable[JobIn]) -> list[list[JobIn]]:
    """In the file's order within each level. Raises Invalid for a parent that is not in the file."""
    children: dict[str, list[JobIn]] = {}
    for job in jobs:
        children.setdefault(job.parent_job, []).append(job)
    levels, level = list[list[JobIn]](), children.pop("", [])
    while level:
        levels.append(level)
        level = [child for job in level for child in children.pop(job.name, [])]
    if children:
        parent, (lost, *_) = next(iter(children.items()))
        raise Invalid(f"the parent {parent} of {lost.name} is not in the file, or depends on it")
    return levels


def _tags(address: str) -> dict[str, str]:
    return {
        "dc": "dc1",
        "expect": "1",
        "port": str(RPC_PORT),
        "region": "global",
        "role": "dkron",
        "rpc_addr": f"[{address}]:{RPC_PORT}" if ":" in address else f"{address}:{RPC_PORT}",
        "server": "true",
        "version": VERSION,
    }
