"""Groups, calendars and targets as the operator knows them, and which tasks name them.

`seen` and `gone` are fed by Kopf, by the take-over and by the resync; they are
idempotent and do no I/O. A change is told to every task that names the object,
by itself or through its group, in slices (`run`). A task that names nothing costs
one look into a dictionary and no memory.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import structlog

from crontask_core.calendars import Calendar, Covering
from crontask_core.companions import (
    COMPANION_KINDS,
    Closures,
    Companion,
    Freezes,
    Problem,
    Reference,
    calendars_of,
    not_found,
    not_ready,
    read_companion,
    references,
    together,
)
from crontask_core.errors import FieldError
from crontask_core.model import GroupSpec, TargetSpec, TaskSpec
from crontask_core.names import CALENDAR, GROUP_KIND, TARGET, TASK, Key, Kind, key_of
from crontask_core.naming import Naming, Ref
from crontask_operator.isolation import SLICE

BROKEN = Problem("InternalError", "The operator failed on this object; its log says where. An edit tries again.")
log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Known:
    """A group, calendar or target; `value` is None where its spec cannot be used, and `problem` says why."""

    uid: str
    generation: int
    value: Companion | None
    problem: Problem | None
    status: dict[str, Any]
    """As it was when the object was seen; see `CompanionStatuses`."""


class Companions:
    """The index of what tasks refer to by name."""

    def __init__(self, default_zone: str) -> None:
        self._zone = default_zone
        self._known: dict[Ref, Known] = {}
        self._naming = Naming()
        self._closures: dict[tuple[str, tuple[Reference, ...]], Closures] = {}
        """Those that were asked for since the last change, one for all tasks that name the same."""
        self._to_review: dict[Key, None] = {}
        self._wake = asyncio.Event()
        self.complete = False
        """Whether all objects have been listed; until then nothing counts as missing."""
        self.revision = 0
        """Raised with every change; a plan that was made before it is made again."""
        self.on_problem: Callable[[Kind, Key, str, Problem], None] = lambda kind, key, uid, problem: None
        """Called with an object (its kind, key and uid) that cannot be used, and why."""
        self.on_moved: Callable[[Key], None] = lambda task: None
        """Called with a task that names another group than before."""
        self.on_group: Callable[[Key], None] = lambda group: None
        """Called with a group that has changed."""
        self.review: Callable[[Key, int], None] = lambda task, place: None
        """Called with each task that a change concerns, and its place among those that the change concerns."""

    # What exists.

    def seen(self, kind: Kind, body: dict[str, Any]) -> None:
        """A companion exists in this state."""
        meta, key = body["metadata"], key_of(body)
        ref = (kind, key)
        if meta.get("deletionTimestamp"):
            self.gone(kind, key, meta["uid"])
            return
        known = self._known.get(ref)
        if known is not None and known.uid == meta["uid"] and known.generation >= meta["generation"]:
            known.status = body.get("status") or {}
            return
        value, problem = self._read(ref, body.get("spec") or {})
        known = Known(meta["uid"], meta["generation"], value, problem, body.get("status") or {})
        self._known[ref] = known
        if kind is GROUP_KIND:
            self._naming.put(ref, calendars_of(value) if isinstance(value, GroupSpec) else ())
        if problem is not None:
            log.warning("cannot be used", kind=kind.kind, object=str(key), problem=problem.message)
            if self.complete:
                self.on_problem(kind, key, known.uid, problem)
        self._changed(ref)

    def _read(self, ref: Ref, body: dict[str, Any]) -> tuple[Companion | None, Problem | None]:
        kind, key = ref
        try:
            return read_companion(kind, key.name, body, self._zone), None
        except FieldError as error:
            return None, Problem("InvalidSpec", str(error))
        except Exception:
            # Law 4; and it must not look as if the object did not exist.
            log.exception("an object cannot be read", kind=kind.kind, object=str(key))
            return None, BROKEN

    def gone(self, kind: Kind, key: Key, uid: str) -> None:
        """A companion does not exist any more."""
        ref = (kind, key)
        known = self._known.get(ref)
        if known is not None and known.uid == uid:
            del self._known[ref]
            if kind is GROUP_KIND:
                self._naming.put(ref, ())
            self._changed(ref)

    def all_known(self) -> None:
        """All that exists has been listed: from now on what is not known is missing."""
        self.complete = True
        self._closures.clear()
        for (kind, key), known in self._known.items():
            if known.problem is not None:
                self.on_problem(kind, key, known.uid, known.problem)

    def keys(self, kind: Kind) -> dict[Key, tuple[str, int]]:
        """Uid and generation of each object of a kind."""
        return {key: (known.uid, known.generation) for (of, key), known in self._known.items() if of is kind}

    def __iter__(self) -> Iterator[tuple[Ref, Known]]:
        """All objects."""
        return iter(list(self._known.items()))

    # Who names what.

    def follow(self, task: Key, spec: TaskSpec | None) -> None:
        """A task exists and names these; None for one that does not exist, or cannot be read."""
        names = references(spec) if spec is not None else ()
        if names == self._naming.of_task(task):
            return
        group = self.group_of(task)
        self._naming.put((TASK, task), names)
        self._closures.clear()
        if group != self.group_of(task):
            self.on_moved(task)

    def task_count(self, group: Key) -> int:
        """How many tasks name a group."""
        return len(self._naming.users((GROUP_KIND, group)))

    # What tasks ask.

    def names_any(self, task: Key) -> bool:
        """Whether a task names anything."""
        return bool(self._naming.of_task(task))

    def revision_for(self, task: Key) -> int:
        """Changes with everything that a task may name; 0 for a task that names nothing."""
        return self.revision if self.names_any(task) else 0

    def problem_of(self, ref: Ref) -> Problem | None:
        """Why a companion cannot be used, or a task cannot be run for the sake of what it names."""
        known = self._known.get(ref)
        if known is not None and known.problem is not None:
            return known.problem
        return self.problem_with(self._naming.of(ref), ref[1].namespace)

    def problem_with(self, names: tuple[Reference, ...], namespace: str) -> Problem | None:
        """What is wrong with these companions, as one problem."""
        return together(self.problems_with(names, namespace))

    def problems_with(self, names: tuple[Reference, ...], namespace: str) -> list[Problem]:
        """What is wrong with each of these companions that is missing or cannot be used."""
        found = []
        for reference in names if self.complete else ():
            named = (reference.kind, Key(namespace, reference.name))
            if named not in self._known:
                found.append(not_found(reference))
            elif (problem := self.problem_of(named)) is not None:
                found.append(not_ready(reference, problem.message))
        return found

    def group_of(self, task: Key) -> Key | None:
        """The group that a task names."""
        names = self._naming.of_task(task)
        if not names or names[0].kind is not GROUP_KIND:
            return None
        return Key(task.namespace, names[0].name)

    def group(self, key: Key) -> GroupSpec | None:
        """A group's spec, where there is one that can be used."""
        known = self._known.get((GROUP_KIND, key))
        return known.value if known is not None and isinstance(known.value, GroupSpec) else None

    def target(self, key: Key) -> TargetSpec | None:
        """A target's spec, where there is one that can be used."""
        known = self._known.get((TARGET, key))
        return known.value if known is not None and isinstance(known.value, TargetSpec) else None

    def closures(self, task: Key) -> Closures | None:
        """Why instants of a task may not be started; None for a task that names nothing."""
        names = self._naming.of_task(task)
        if not names:
            return None
        same = (task.namespace, names)
        if same not in self._closures:
            self._closures[same] = self._make_closures(task, names)
        return self._closures[same]

    def _make_closures(self, task: Key, names: tuple[Reference, ...]) -> Closures:
        if self.problem_with(names, task.namespace) is not None:
            return Closures(incomplete=True)
        group = self.group_of(task)
        spec = self.group(group) if group else None
        return Closures(
            suspended=spec is not None and spec.suspend,
            frozen=self.freezes(group) if group else (),
            exclude=self._calendars(task, names, "spec.exclude"),
            only=self._calendars(task, names, "spec.only"),
        )

    def freezes(self, group: Key) -> tuple[Covering, ...]:
        """The times at which a group is frozen: those of its own first."""
        spec = self.group(group)
        if spec is None:
            return ()
        own = (Freezes(tuple(spec.freezes)),) if spec.freezes else ()
        return (*own, *self._calendars(group, self._naming.of((GROUP_KIND, group)), "spec.freezeCalendars"))

    def held(self, group: Key, now: datetime) -> bool:
        """Whether a group is suspended or frozen."""
        spec = self.group(group)
        return spec is not None and (spec.suspend or any(times.covers(now) for times in self.freezes(group)))

    def _calendars(self, owner: Key, names: tuple[Reference, ...], field: str) -> tuple[Calendar, ...]:
        return self.calendars((each.name for each in names if each.path.startswith(field + "[")), owner.namespace)

    def calendars(self, names: Iterable[str], namespace: str) -> tuple[Calendar, ...]:
        """Those of the calendars that there are and that can be used."""
        found = (self._known.get((CALENDAR, Key(namespace, name))) for name in names)
        return tuple(known.value for known in found if known is not None and isinstance(known.value, Calendar))

    # Telling of changes.

    def _changed(self, ref: Ref) -> None:
        self.revision += 1
        self._closures.clear()
        if ref[0] is GROUP_KIND:
            self.on_group(ref[1])
        for user in self._naming.users(ref):
            if user[0] is TASK:
                self._to_review[user[1]] = None
            else:
                self._changed(user)
        if self._to_review:
            self._wake.set()

    async def run(self) -> None:
        """Tells tasks of changes, a slice at a time; ends only by cancellation."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            place = 0
            while self._to_review:
                for task in list(islice(self._to_review, SLICE)):
                    del self._to_review[task]
                    self._review(task, place)
                    place += 1
                await asyncio.sleep(0)

    def _review(self, task: Key, place: int) -> None:
        try:
            self.review(task, place)
        except Exception:  # law 4
            log.exception("a task cannot be reviewed", task=str(task))


def kind_of(plural: str) -> Kind | None:
    """The kind of companion that a plural stands for."""
    return next((kind for kind in COMPANION_KINDS if kind.plural == plural), None)
