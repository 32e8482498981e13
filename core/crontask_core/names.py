"""Names that outsiders rely on: API group, kinds, labels, annotations, and how objects are called.

An execution is named after its task and its scheduled second, a pod after its
execution and attempt, so that writing the same fact twice names the same object
and a second create answers "already exists". Limits are computed from the
suffixes that will be added, never written as literals.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

GROUP = "crontask.dev"
VERSION = "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"

LABEL_MANAGED = f"{GROUP}/managed"
"""On every pod that the operator makes; the value is always "true"."""
LABEL_TASK = f"{GROUP}/task"
"""Name of the task, on executions and pods; shortened with a hash where it exceeds a label's 63 characters."""
LABEL_EXECUTION = f"{GROUP}/execution"
"""Name of the execution, on executions and pods; shortened like `LABEL_TASK`."""
LABEL_ATTEMPT = f"{GROUP}/attempt"
LABEL_TRIGGER = f"{GROUP}/trigger"
LABEL_BACKFILL = f"{GROUP}/backfill"
"""Name of the backfill, on the executions that it has made; shortened like `LABEL_TASK`."""
ANNOTATION_TASK = f"{GROUP}/task-name"
ANNOTATION_EXECUTION = f"{GROUP}/execution-name"
ANNOTATION_SCHEDULED_AT = f"{GROUP}/scheduled-at"
LABEL_TARGET = f"{GROUP}/target"
"""Name of the CronTaskTarget, on pods that run at one; shortened like `LABEL_TASK`."""
ANNOTATION_TARGET = f"{GROUP}/target-name"
ANNOTATION_TASK_UID = f"{GROUP}/task-uid"
"""On executions and pods that outlive their task and therefore have no owner: whose they are."""
ANNOTATION_KEPT_SECONDS = f"{GROUP}/kept-seconds"
"""On the same: how long after its end an execution stays without its task."""
ANNOTATION_CAUGHT_UP = f"{GROUP}/caught-up"
"""On any object: written by whoever makes sure that a watch has told of everything before it."""
ANNOTATION_CLAIMED_THROUGH = f"{GROUP}/claimed-through"
ANNOTATION_FINISHING = f"{GROUP}/finishing"
"""On a shard's Lease: everything due up to this instant has been claimed by some leader."""
LABEL_LEASE = f"{GROUP}/lease"
"""What a Lease is for: "shard", "replica", or "layout"."""
ANNOTATION_SHARDS = f"{GROUP}/shards"
"""On Leases: the number of shards that the replica divides all tasks into, or that is in force."""
ANNOTATION_LAYOUT = f"{GROUP}/layout"
"""On the Lease of the layout: what came before it."""

REPLICA_LEASE = "crontask-replica-"

MAX_OBJECT_NAME = 253
MAX_LABEL = 63
MAX_POD_NAME = 63
"""Pods may be longer, but their host name is cut at 63, and two cut names could meet."""
_DIGEST = 10
_CAUSE = 6


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One custom resource: what the API server and kubectl call it. There is one value of each, below."""

    kind: str
    plural: str
    singular: str
    short: str


TASK = Kind("CronTask", "crontasks", "crontask", "ct")
EXECUTION = Kind("CronTaskExecution", "crontaskexecutions", "crontaskexecution", "cte")
GROUP_KIND = Kind("CronTaskGroup", "crontaskgroups", "crontaskgroup", "ctg")
TARGET = Kind("CronTaskTarget", "crontasktargets", "crontasktarget", "ctt")
CALENDAR = Kind("CronTaskCalendar", "crontaskcalendars", "crontaskcalendar", "ctc")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Namespace and name: how an object is found within its kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def key_of(body: dict[str, Any]) -> Key:
    """Namespace and name of an object."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def digest(text: str) -> str:
    """Ten hexadecimal digits that stand for a text in names and labels."""
    return sha256(text.encode()).hexdigest()[:_DIGEST]


def fraction(text: str) -> float:
    """A number from 0 to 1, itself excluded: the same for a text each time, and another for another text."""
    return int(digest(text), 16) / 16.0**_DIGEST


def shortened(text: str, limit: int) -> str:
    """The text itself where it fits `limit`, else its head and a digest of the whole."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - _DIGEST - 1].rstrip('-._')}-{digest(text)}"


def label_value(name: str) -> str:
    """An object's name as a label's value (at most 63 characters)."""
    return shortened(name, MAX_LABEL)


def replica_lease(identity: str) -> str:
    """The name of the Lease of a replica; with a digest where the identity could not be an object's name."""
    fit = re.sub(r"[^a-z0-9-]", "-", identity.lower()).strip("-")
    whole = fit if fit == identity else f"{fit}-{digest(identity)}"
    return REPLICA_LEASE + shortened(whole, MAX_OBJECT_NAME - len(REPLICA_LEASE))


def execution_name(task: str, scheduled_at: datetime) -> str:
    """The one name of the execution of `task` for `scheduled_at` (to the second, UTC).

    The second is written as `YYYYMMDDhhmmss`, so that names sort by time.
    """
    return _dated(task, scheduled_at, "")


def caused_name(task: str, scheduled_at: datetime, cause: str) -> str:
    """The one name of the execution of `task` for `scheduled_at` that another execution has caused.

    `cause` tells that one from all others of the namespace; six digits of its digest are the name's end, so that
    each cause has its own execution and the same cause always the same.
    """
    return _dated(task, scheduled_at, f"-{digest(cause)[:_CAUSE]}")


def wished_name(task: str, at: datetime, token: str) -> str:
    """A name for an execution of `task` that somebody wishes for at a moment; `token` tells it from others.

    Its end is longer than that of the operator's own names, which an admission policy keeps for the operator.
    """
    return _dated(task, at, f"-{digest(token)}")


def _dated(task: str, at: datetime, end: str) -> str:
    suffix = f"-{at.astimezone(UTC):%Y%m%d%H%M%S}{end}"
    return shortened(task, MAX_OBJECT_NAME - len(suffix)) + suffix


def pod_name(execution: str, attempt: int, target: str = "") -> str:
    """The one name of the pod of an attempt (counted from 1) of an execution, at a target where it has some.

    With a target the name always holds a digest of both, because an execution `a` at the target `b` and an
    execution `a-b` without one would meet.
    """
    if not target:
        suffix = f"-{attempt}"
        return shortened(execution, MAX_POD_NAME - len(suffix)) + suffix
    suffix = f"-{digest(f'{execution}/{target}')}-{attempt}"
    return f"{execution}-{target}"[: MAX_POD_NAME - len(suffix)].rstrip("-._") + suffix
