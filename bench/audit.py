"""The API server's audit log: who wrote which object when, on one clock for us and for the rival.

Pure: `tail.Tail` reads the file. The moment that counts is the end of the request (`stageTimestamp` of
ResponseComplete): from then on the object exists for everybody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson

OPERATOR = "system:serviceaccount:crontask-system:crontask-operator"
NATIVE = {
    f"system:serviceaccount:kube-system:{name}"
    for name in ("cronjob-controller", "job-controller", "generic-garbage-collector", "pod-garbage-collector")
}


@dataclass(frozen=True)
class Write:
    """One write that the API server has carried out."""

    user: str
    verb: str
    resource: str
    """Plural, with the subresource after a slash."""
    namespace: str
    name: str
    """Empty where one request concerns many objects, and for names that the server made up."""
    code: int
    at: float
    """Unix time of the answer, to the microsecond."""


def parse(line: bytes) -> Write | None:
    """The write of one line; None for what was refused, aborted or is no write to an object."""
    event = orjson.loads(line)
    ref, code = event.get("objectRef"), (event.get("responseStatus") or {}).get("code", 0)
    if event.get("stage") != "ResponseComplete" or ref is None or not 200 <= code < 300:
        return None
    subresource = ref.get("subresource")
    return Write(
        user=event["user"]["username"],
        verb=event["verb"],
        resource=f"{ref['resource']}/{subresource}" if subresource else ref["resource"],
        namespace=ref.get("namespace", ""),
        name=ref.get("name", ""),
        code=code,
        at=datetime.fromisoformat(event["stageTimestamp"]).timestamp(),
    )


def created(writes: Iterable[Write], resource: str, namespace: str) -> list[Write]:
    """Those that created an object of a kind in a namespace."""
    wanted = ("create", resource, namespace)
    return [write for write in writes if (write.verb, write.resource, write.namespace) == wanted]
