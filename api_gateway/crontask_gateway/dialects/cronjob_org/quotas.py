"""How often an account and a key may ask: windows aligned to the clock, as the service counts. Pure but for `admit`.

An operation's windows (a second, a minute) are the account's, the day (UTC) is the key's. The counts stand in a note of
the account, so all replicas count together. A request that a window refuses does not count for the day; where the
counts cannot be had, nobody is refused, as upstream has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crontask_gateway.dialects.cronjob_org.options import Options
from crontask_gateway.dialects.shape import Request, Route
from crontask_gateway.errors import Conflict, TooMany, Unavailable

Note = dict[str, Any]
LIMITS = "limits"
"""The note's name."""
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Window:
    """At most `most` requests in each `seconds` of the clock."""

    seconds: int
    most: int


EACH = (Window(1, 5),)
OF_OPERATION: Mapping[str, tuple[Window, ...]] = {
    "create_job": (Window(1, 1), Window(60, 5)),
    "create_folder": (Window(1, 1), Window(60, 10)),
    "rename_folder": (Window(1, 1),),
    "delete_folder": (Window(1, 1),),
}
"""By the endpoint's name; others have `EACH`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The counts from now on, and the seconds until it is worth asking again: 0 where the request is admitted."""

    note: Note
    wait: int


def count(note: Note, operation: str, windows: tuple[Window, ...], key: str, per_day: int, now: float) -> Verdict:
    """Counts one request at a moment (Unix seconds); without windows, or with 0 in a day, there is no such limit."""
    # What belongs to windows that are over is left out, so the note stays as long as what is in force.
    made = {name: told for name, told in note.items() if _in_force(name, told, now)}
    for window in windows:
        name = f"{window.seconds}/{operation}"
        number = _number(made, name) + 1
        if number > window.most:
            return Verdict(made, _left(window.seconds, now))
        made[name] = [int(now) // window.seconds, number]
    if per_day:
        name = f"{DAY}/{key}"
        number = _number(made, name) + 1
        if number > per_day:
            return Verdict(made, _left(DAY, now))
        made[name] = [int(now) // DAY, number]
    return Verdict(made, 0)


async def admit(request: Request, route: Route) -> None:
    """Counts a request. Raises TooMany."""
    options: Options = request.deps.options
    operation = getattr(route.endpoint, "__name__", "")
    windows = OF_OPERATION.get(operation, EACH) if options.limits else ()
    principal, now = request.principal, request.deps.clock.now().timestamp()
    per_day = options.per_day if principal.per_day is None else principal.per_day
    if not windows and not per_day:
        return
    wait = 0

    def counted(note: Note) -> Note:
        nonlocal wait
        verdict = count(note, operation, windows, principal.key, per_day, now)
        wait = verdict.wait
        return verdict.note

    try:
        await request.deps.store.change_note(request.scope, LIMITS, counted)
    except (Unavailable, Conflict):
        return
    if wait:
        raise TooMany("the limit of requests is reached; ask again later", float(wait))


def _left(seconds: int, now: float) -> int:
    return seconds - int(now) % seconds


def _in_force(name: str, told: Any, now: float) -> bool:
    head = name.partition("/")[0]
    return head.isdigit() and isinstance(told, list) and len(told) == 2 and told[0] == int(now) // int(head)


def _number(note: Note, name: str) -> int:
    found = note.get(name)
    return found[1] if found else 0
