"""Explanations as lines for a terminal."""

import shutil
import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from crontask_core.model import Attempt
from crontask_core.names import Key
from crontask_core.schedule.zones import clock_time
from crontask_core.why import ExecutionTold, Explanation, Told
from crontask_core.why.words import span, written

_GOOD, _BAD, _ODD = "32", "31", "33"
_COLOURS = {
    **dict.fromkeys(("Started", "Succeeded", "Backfilled"), _GOOD),
    **dict.fromkeys(("Missed", "Lost", "Failed", "Unaccounted"), _BAD),
    **dict.fromkeys(("Late", "Queued", "Skipped", "Cancelled", "Undecided"), _ODD),
}
MAX_WIDTH = 110


class Paint:
    """Colours, where the reader is a terminal."""

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, word: str, text: str = "") -> str:
        """The text (or the word itself) in the colour of a word."""
        return self._in(_COLOURS.get(word, ""), text or word)

    def strong(self, text: str) -> str:
        """Bold."""
        return self._in("1", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._on and code else text


def tell(key: Key, zone: str, answers: Iterable[Explanation], paint: Paint) -> Iterator[str]:
    """The answers, one under the other."""
    yield f"{paint.strong(key.name)} in {key.namespace}, times in {zone}"
    for answer in answers:
        yield from _answer(answer, zone, paint)
    for note in dict.fromkeys(note for answer in answers for note in answer.notes):
        yield ""
        yield from _wrapped(note, 0)


def _answer(answer: Explanation, zone: str, paint: Paint) -> Iterator[str]:
    if answer.sentence or answer.last:
        yield ""
        what = "execution" if answer.last else "nothing due"
        yield f"{paint.strong(written(answer.start, zone))}  {what}"
        yield from _wrapped(answer.sentence)
    if answer.last:
        yield from _execution(answer.last, zone, paint)
    for told in answer.instants:
        yield ""
        yield from _instant(told, zone, paint)
    if answer.more:
        yield ""
        yield f"… and more up to {written(answer.end, zone)}; ask for a second of it."
    if answer.before or answer.after:
        yield ""
    for side, near in (("before", answer.before), ("after", answer.after)):
        if near is not None:
            yield f"  {side:<7}{written(near.instant, zone)}  {_verdict(near, paint)}"
    for execution in answer.besides:
        yield ""
        yield "  Made at that time, for no instant of the schedule:"
        yield from _execution(execution, zone, paint)


def _instant(told: Told, zone: str, paint: Paint) -> Iterator[str]:
    late = _late(told)
    yield f"{paint.strong(written(told.instant, zone))}  {_verdict(told, paint)}{f', {late}' if late else ''}"
    yield from _wrapped(told.sentence)
    for execution in told.executions:
        yield from _execution(execution, zone, paint)


def _verdict(told: Told, paint: Paint) -> str:
    reason = f" ({told.reason})" if told.reason else ""
    return paint(told.verdict) + reason


def _late(told: Told) -> str:
    if told.lateness_milliseconds is None:
        return ""
    least = "" if told.executions else "at most "
    return f"{least}{span(timedelta(milliseconds=told.lateness_milliseconds))} late"


def _execution(told: ExecutionTold, zone: str, paint: Paint) -> Iterator[str]:
    reason = f" ({told.reason})" if told.reason else ""
    yield ""
    yield f"  {told.name}  {paint(told.phase)}{reason}, trigger {told.trigger}"
    if told.message and not any(attempt.message == told.message for attempt in told.attempts):
        yield from _wrapped(told.message, 4)
    for attempt in told.attempts:
        yield from _attempt(attempt, zone)


def _attempt(attempt: Attempt, zone: str) -> Iterator[str]:
    """One line for a try, and its message under it."""
    parts = [f"attempt {attempt.number}", _times(attempt.started_at, attempt.finished_at, zone)]
    if attempt.target:
        parts.append(f"at {attempt.target}")
    if attempt.exit_code is not None:
        parts.append(f"exit code {attempt.exit_code}")
    if attempt.http_status is not None:
        parts.append(f"HTTP {attempt.http_status}")
    parts.append(attempt.reason or ("" if attempt.finished_at else "running"))
    yield "    " + "  ".join(part for part in parts if part)
    if attempt.message:
        yield from _wrapped(attempt.message, 6)


def _times(start: datetime | None, end: datetime | None, zone: str) -> str:
    """`12:00:00, 4.2 s`."""
    if start is None:
        return ""
    began = f"{clock_time(zone, start):%H:%M:%S}"
    return f"{began}, {span(end - start)}" if end is not None else began


def _wrapped(text: str, indent: int = 2) -> Iterator[str]:
    width = min(shutil.get_terminal_size((100, 24)).columns, MAX_WIDTH)
    yield from textwrap.wrap(text, max(width, 40), initial_indent=" " * indent, subsequent_indent=" " * indent)
