"""A year of a zone: the cases around each change of its clocks, and around one other moment."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from fakes.clock_changes import changes, shown

from campaign.draw import Drawn, draw
from campaign.judge import compare, compare_with_cronsim
from campaign.walk import Piece
from crontask_core.schedule.zones import stretch_at

VARIANTS = 3
_BEFORE, _AFTER = timedelta(hours=9), timedelta(hours=7)


@dataclass
class Result:
    """What was tried, and what went wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def run_year(seed: int, name: str, year: int, tasks: int) -> Result:
    """`tasks` tasks around each change of the year, and around one moment more."""
    random = Random(f"{seed} {name} {year}")
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    result = Result()
    moments = [at.replace(tzinfo=None) for at in changes(name, start, end)]
    _check_changes(name, start, end, moments, result)
    other = start.replace(tzinfo=None) + timedelta(seconds=random.randrange(365 * 86_400))
    for moment in [*moments, other]:
        piece = Piece(name, moment - _BEFORE, moment + _AFTER)
        result.counts["changes" if moment is not other else "other moments"] += 1
        for _ in range(tasks):
            _one(random, name, piece, moment, result)
    return result


def _one(random: Random, name: str, piece: Piece, moment: datetime, result: Result) -> None:
    """One task: as it was drawn, beside cronsim where it can be, and with other rules for clock changes."""
    at = moment + timedelta(seconds=random.randrange(-7200, 7200))
    drawn = draw(random, shown(name, at.replace(tzinfo=UTC)), moment)
    for part in drawn.parts:
        result.counts[f"form {part.form}"] += 1
    result.counts["form union"] += len(drawn.parts) > 1
    result.counts["form splay"] += drawn.splay > 0
    result.counts["form window"] += bool(drawn.window)
    if drawn.plain:
        result.counts["beside cronsim"] += 1
        after = piece.start + timedelta(seconds=random.randrange(20_000))
        _note(result, name, moment, drawn, compare_with_cronsim(drawn, name, after))
    for _ in range(VARIANTS):
        instants, problem = compare(drawn, name, piece, random)
        result.counts["cases"] += 1
        result.counts["cases with instants"] += instants > 0
        result.counts["instants"] += instants
        result.counts[f"dst {drawn.gap or '-'} {drawn.overlap or '-'}"] += 1
        _note(result, name, moment, drawn, problem)
        drawn = drawn.with_rules(random)


def _note(result: Result, name: str, moment: datetime, drawn: Drawn, problem: str | None) -> None:
    if problem is not None:
        result.wrong.append(f"{name} {moment}: {drawn}\n    {problem}")


def _check_changes(name: str, start: datetime, end: datetime, seen: list[datetime], result: Result) -> None:
    """The engine sees the same changes of the clocks as a walk in half days (to the minute)."""
    ours, at = [], start.replace(tzinfo=None) - timedelta(seconds=1)
    until = end.replace(tzinfo=None)
    while (at := stretch_at(name, at).end) < until:
        stretch = stretch_at(name, at)
        if stretch.before != stretch.offset:
            ours.append(at)
    apart = len(ours) != len(seen) or any(abs(a - b) > timedelta(minutes=1) for a, b in zip(ours, seen, strict=False))
    if apart:
        result.wrong.append(f"{name} {start.year}: changes {ours}, seen {seen}")
