"""How executions and pods are tied to their task: owned by it, or marked as what outlives it.

Kubernetes' garbage collector takes what a deleted task owns. What outlives its
task has no owner; it bears whose it is and how long it stays, because later
nobody can be asked any more.
"""

import re
from typing import Any, NamedTuple

from crontask_core import names
from crontask_core.names import Key

_SECONDS = re.compile(r"[0-9]{1,9}")
"""Thirty years at most: whoever may write executions may write this too, and must not break a calendar with it."""


def owner(task: Key, uid: str) -> dict[str, Any]:
    """The owner reference to a task: its deletion takes executions and pods along."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.TASK.kind,
        "name": task.name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def bond(task: Key, uid: str, kept_seconds: int | None) -> dict[str, Any]:
    """The metadata of the tie. `kept_seconds` is `history.kept_without_task`; None stands for an owned object."""
    if kept_seconds is None:
        return {"ownerReferences": [owner(task, uid)]}
    return {"annotations": {names.ANNOTATION_TASK_UID: uid, names.ANNOTATION_KEPT_SECONDS: str(kept_seconds)}}


class Mark(NamedTuple):
    """What an object bears that outlives its task."""

    uid: str
    """The task's uid; empty where there never was such a task."""
    kept_seconds: int


def uid_of(metadata: dict[str, Any]) -> str:
    """The uid of the task that an object belongs to, by its metadata; empty where it does not say."""
    mark = mark_of(metadata)
    if mark is not None:
        return mark.uid
    owners = metadata.get("ownerReferences") or ()
    return next((each["uid"] for each in owners if each.get("controller")), "")


def mark_of(metadata: dict[str, Any]) -> Mark | None:
    """The mark of an object, by its metadata; None for one that goes with its task."""
    marks = metadata.get("annotations") or {}
    kept = marks.get(names.ANNOTATION_KEPT_SECONDS, "")
    if not _SECONDS.fullmatch(kept):
        return None
    return Mark(marks.get(names.ANNOTATION_TASK_UID, ""), int(kept))
