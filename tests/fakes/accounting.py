"""Law 1, checked by brute force: each instant up to the stored watermark has its outcome in the stored ledger.

The instants are taken from the schedule one by one, and looked up one by one; nothing of the ledger's own code is used.
"""

from datetime import datetime
from itertools import pairwise
from typing import Any

from fakes.world import World

from crontask_core.errors import FieldError
from crontask_core.names import Key, execution_name
from crontask_core.validation import Setting, read_schedule, read_spec
from crontask_kube.resources import TASKS

BEGUN = ("Started", "Late")
LIMIT = 20_000


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def outcomes(world: World, task: str = "t") -> dict[str, str]:
    """The outcome of each instant as the stored ledger tells it: {"12:01:00": "Skipped/Overlap"}."""
    body = world.server.object(TASKS, task)
    told = {at: _told(entries) for at, entries in _looked_up(body).items()}
    return {f"{at:%H:%M:%S}": outcome for at, outcome in told.items()}


def assert_accounted(world: World, task: str = "t", namespace: str = "default") -> None:
    """Each instant has exactly one outcome; what began has its execution, unless history has removed it."""
    body = world.server.object(TASKS, task, namespace)
    status = body.get("status") or {}
    for at, entries in _looked_up(body).items():
        assert len(entries) == 1, f"{task} at {at} has {len(entries)} outcomes in {status['ledger']}"
    ends = [(moment(entry["first"]), moment(entry["last"])) for entry in status.get("ledger", [])]
    assert all(first <= last for first, last in ends)
    assert all(one[1] < other[0] for one, other in pairwise(ends)), "entries overlap"
    existing = {each["metadata"]["name"]: each for each in world.executions()}
    for at, entries in _looked_up(body).items():
        execution = existing.get(execution_name(task, at))
        phase = (execution or {}).get("status", {}).get("phase")
        if execution is not None and execution["spec"]["trigger"] in ("Schedule", "CatchUp"):
            assert entries[0]["outcome"] not in ("Skipped",), f"{at}: {entries[0]}, and yet there is an execution"
            assert (entries[0]["outcome"] == "Lost") <= (phase == "Lost"), f"{at}: {entries[0]}, but {phase}"


def _looked_up(body: dict[str, Any]) -> dict[datetime, list[dict[str, Any]]]:
    """What the ledger says of each instant that it has to know."""
    meta, status = body["metadata"], body.get("status") or {}
    created = moment(meta["creationTimestamp"])
    if "watermark" not in status or body["spec"].get("suspend"):
        return {}
    try:
        spec = read_spec(body["spec"])
        schedule = read_schedule(spec, Key(meta["namespace"], meta["name"]), created, Setting())
    except FieldError:
        return {}
    since = max(moment(status[name]) for name in ("timingSince", "ledgerSince") if name in status)
    found: dict[datetime, list[dict[str, Any]]] = {}
    at = schedule.next(max(since, created))
    while at is not None and at <= moment(status["watermark"]):
        found[at] = [e for e in status["ledger"] if moment(e["first"]) <= at <= moment(e["last"])]
        at = schedule.next(at)
        assert len(found) < LIMIT
    return found


def _told(entries: list[dict[str, Any]]) -> str:
    return " and ".join("/".join(filter(None, (e["outcome"], e.get("reason")))) for e in entries)
