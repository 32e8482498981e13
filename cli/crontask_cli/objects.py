"""Tasks with all that concerns them, from a cluster or from files, as the core wants to see them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crontask_cli.cluster import SECONDS
from crontask_core.advice import advice
from crontask_core.calendars import Calendar, read_calendar
from crontask_core.companions import Closures, Freezes, references
from crontask_core.errors import FieldError
from crontask_core.model import CalendarSpec, ExecutionSpec, ExecutionStatus, GroupSpec, TaskSpec, TaskStatus
from crontask_core.names import CALENDAR, GROUP_KIND, Key
from crontask_core.schedule import Schedule
from crontask_core.validation import Setting, read_schedule, read_spec
from crontask_core.why import Found, Seen, closings, problem_of
from crontask_kube.client import ApiClient
from crontask_kube.errors import NotFound
from crontask_kube.resources import CALENDARS, EXECUTIONS, GROUPS, TASKS, Resource

Object = dict[str, Any]
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Companions:
    """The groups and calendars that a task may name, by name."""

    groups: Mapping[str, Object] = field(default_factory=dict)
    calendars: Mapping[str, Object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A task as the core wants to see it, and those of its calendars that can be read."""

    seen: Seen
    setting: Setting
    calendars: Mapping[str, Calendar]
    group: GroupSpec | None = None

    def first_open(self, after: datetime) -> datetime | None:
        """The first instant after `after` that will run as things stand; bounded as `next_allowed` is."""
        seen, spec = self.seen, self.seen.spec
        if seen.schedule is None or spec.suspend or seen.status.disabled_at is not None or problem_of(seen):
            return None
        if spec.suspend_until is not None:
            after = max(after, spec.suspend_until - MOMENT)
        group, named = self.group or GroupSpec(), self.calendars
        only = tuple(named[name] for name in spec.only if name in named)
        closures = Closures(
            suspended=group.suspend,
            frozen=(Freezes(tuple(group.freezes)), *(named[name] for name in group.freeze_calendars if name in named)),
            exclude=tuple(named[name] for name in spec.exclude if name in named),
            only=only if len(only) == len(spec.only) else (),
        )
        return closures.next_open(seen.schedule, after)

    def advice(self, now: datetime) -> list[str]:
        """What its author should know; nothing where the schedule cannot be read, which is told elsewhere."""
        seen, spec = self.seen, self.seen.spec
        if seen.schedule is None:
            return []
        only = tuple(self.calendars[name] for name in spec.only if name in self.calendars)
        exclude = tuple(self.calendars[name] for name in spec.exclude if name in self.calendars)
        return advice(spec, seen.key, seen.created, self.setting, now, only=only, exclude=exclude)

    def absent(self, companions: Companions) -> list[str]:
        """The group and calendars that the task names and that are not there, as sentences."""
        there = {GROUP_KIND: companions.groups, CALENDAR: companions.calendars}
        missing = [each for each in references(self.seen.spec) if each.name not in there.get(each.kind, (each.name,))]
        return [f"{each.path}: {each.kind.kind} {each.name} is not there, and left out here." for each in missing]


async def fetch(api: ApiClient, key: Key, default_zone: str) -> tuple[Loaded, Companions]:
    """A task of the cluster and what concerns it. Raises NotFound, KubeError, FieldError."""
    body = await api.get(TASKS, key.namespace, key.name, within=SECONDS)
    executions = await executions_of(api, key)
    spec = body.get("spec") or {}
    groups = await _named(api, GROUPS, key.namespace, [spec["group"]] if spec.get("group") else [])
    frozen = [name for group in groups.values() for name in group["spec"].get("freezeCalendars") or []]
    wanted = [*(spec.get("exclude") or []), *(spec.get("only") or []), *frozen]
    calendars = await _named(api, CALENDARS, key.namespace, wanted)
    companions = Companions(groups, calendars)
    return load(key, body, companions, default_zone, executions=executions), companions


async def executions_of(api: ApiClient, key: Key) -> list[Object]:
    """The executions of a task, which may be gone."""
    listing = await api.list(EXECUTIONS, key.namespace, field_selector=f"spec.taskRef.name={key.name}", within=SECONDS)
    return listing.items


async def execution_named(api: ApiClient, key: Key) -> Object | None:
    """The execution of that name."""
    try:
        return await api.get(EXECUTIONS, key.namespace, key.name, within=SECONDS)
    except NotFound:
        return None


async def _named(api: ApiClient, kind: Resource, namespace: str, names: Iterable[str]) -> dict[str, Object]:
    """Those of the objects that exist."""
    found = {}
    for name in dict.fromkeys(names):
        try:
            found[name] = await api.get(kind, namespace, name, within=SECONDS)
        except NotFound:
            continue
    return found


def load(
    key: Key, body: Object, companions: Companions, default_zone: str, *, executions: Iterable[Object] = ()
) -> Loaded:
    """A task from its body. Raises FieldError where the spec is no task's at all."""
    spec, setting = read_spec(body.get("spec") or {}), Setting(default_zone=default_zone)
    created = datetime.fromisoformat(body["metadata"]["creationTimestamp"])
    schedule, problem = _schedule(spec, key, created, setting)
    body_of_group = companions.groups.get(spec.group or "")
    group = GroupSpec.model_validate(body_of_group["spec"]) if body_of_group else None
    calendars = _readable(companions.calendars, default_zone)
    seen = Seen(
        key=key,
        created=created,
        spec=spec,
        status=TaskStatus.model_validate(body.get("status") or {}),
        schedule=schedule,
        problem=problem,
        zone=spec.time_zone or default_zone,
        found=tuple(found_of(each) for each in executions),
        closed=closings(spec, group, calendars),
    )
    return Loaded(seen, setting, calendars, group)


def _schedule(spec: TaskSpec, key: Key, created: datetime, setting: Setting) -> tuple[Schedule | None, str]:
    """The schedule, or why there is none."""
    try:
        return read_schedule(spec, key, created, setting), ""
    except FieldError as error:
        return None, str(error)


def _readable(bodies: Mapping[str, Object], default_zone: str) -> dict[str, Calendar]:
    """The calendars that can be read; of the others the task's Ready condition speaks."""
    calendars: dict[str, Calendar] = {}
    for name, body in bodies.items():
        try:
            calendars[name] = read_calendar(name, CalendarSpec.model_validate(body["spec"]), default_zone)
        except (FieldError, ValueError):
            continue
    return calendars


def found_of(body: Object) -> Found:
    meta = body["metadata"]
    return Found(
        name=meta["name"],
        created=datetime.fromisoformat(meta["creationTimestamp"]),
        spec=ExecutionSpec.model_validate(body["spec"]),
        status=ExecutionStatus.model_validate(body.get("status") or {}),
    )
