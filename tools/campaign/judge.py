"""One case: what the engine says of a drawn task, what the walk says, and what cronsim says where it may."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from random import Random

from cronsim import CronSim
from fakes.clock_changes import changes, shown, zone

from campaign.draw import Drawn, Part
from campaign.fields import IDENTITY
from campaign.walk import ENOUGH, Piece
from crontask_core.errors import FieldError
from crontask_core.schedule import Reading, Schedule, Sets, compose, instants

SECOND = timedelta(seconds=1)
COMPARED = 12


def engine(drawn: Drawn, name: str) -> Schedule | Part:
    """What the engine makes of a task; the part of it that never fires, where it says so."""
    how = Reading(drawn.grammar, name, IDENTITY, _aware(drawn.anchor), drawn.gap, drawn.overlap)  # type: ignore[arg-type]
    texts = [(part.given, f"spec.schedules[{at}]") for at, part in enumerate(drawn.parts) if part.form != "sets"]
    sets = [part.given for part in drawn.parts if part.form == "sets"]
    window = {key: _aware(at) for key, at in drawn.window.items()}
    try:
        return compose(how, texts, sets=Sets(**sets[0]) if sets else None, splay_seconds=drawn.splay, **window)
    except FieldError as error:
        if error.problem == "never fires":
            return drawn.parts[int(error.path.removeprefix("spec.schedules[").removesuffix("]"))]
        raise


def walked(drawn: Drawn, piece: Piece, after: datetime, end: datetime) -> tuple[list[datetime], datetime]:
    """The instants in (after, end] (naive UTC), and up to where they are complete."""
    offset = timedelta(seconds=_draw(drawn.splay))
    found: set[datetime] = set()
    for part in drawn.parts:
        mine, upto = _of_part(part, drawn, piece, after - offset, end - offset)
        found.update(at + offset for at in mine)
        end = min(end, upto + offset)
    first, start, stop = (drawn.window.get(name) for name in ("first", "start", "end"))
    if first is not None:
        found = {at for at in found if at > first} | {first}
    kept = [at for at in found if (start is None or at >= start) and (stop is None or at <= stop)]
    return sorted(at for at in kept if after < at <= end), end


def _of_part(
    part: Part, drawn: Drawn, piece: Piece, after: datetime, end: datetime
) -> tuple[Sequence[datetime], datetime]:
    """The instants of one part in (after, end], and up to where they are complete."""
    if part.times is not None:
        found = piece.instants(part.times, drawn.gap, drawn.overlap, after)
        return found, found[ENOUGH - 1] if len(found) >= ENOUGH else end
    if part.at is not None:
        return [part.at] if after < part.at <= end else [], end
    count = max((after - drawn.anchor) // (part.interval * SECOND), 0)
    every = [drawn.anchor + (count + k) * part.interval * SECOND for k in range(1, ENOUGH + 1)]
    return [at for at in every if after < at <= end], min(end, every[-1])


def compare(drawn: Drawn, name: str, piece: Piece, random: Random) -> tuple[int, str | None]:
    """How many instants were compared, and what is wrong, or None."""
    schedule = engine(drawn, name)
    # A spread is taken off before the piece is asked: what lies so much earlier must be in it too.
    after = piece.start + timedelta(
        seconds=_draw(drawn.splay) + random.randrange(20_000), microseconds=random.choice((0, 1))
    )
    if isinstance(schedule, Part):
        missed, _ = _of_part(schedule, drawn, piece, after, piece.end)
        return len(missed), f"{schedule.given} never, but {missed[0]}" if missed else None
    expected, end = walked(drawn, piece, after, piece.end)
    found, _ = instants(schedule, _aware(after), _aware(end), COMPARED)
    if [at.replace(tzinfo=None) for at in found] != expected[:COMPARED]:
        return len(found), f"after {after}: engine {_shown(found)}, walk {_shown(expected[:COMPARED])}"
    if random.random() < 0.1 and end > after:
        upto = after + (end - after) * random.random()
        last = max((at for at in expected if at <= upto), default=None)
        latest = schedule.latest(_aware(after), _aware(upto))
        if (latest.replace(tzinfo=None) if latest else None) != last:
            return len(found), f"latest in ({after}, {upto}]: engine {latest}, walk {last}"
    return len(found), None


def compare_with_cronsim(drawn: Drawn, name: str, after: datetime) -> str | None:
    """The next six instants beside Debian's, but for what docs/schedules.md lists; None if all is well."""
    schedule, text, times = engine(drawn, name), drawn.parts[0].given, drawn.parts[0].times
    named_all = times is not None and times.beat and not any(each.startswith("*") for each in text.split()[:2])
    if isinstance(schedule, Part) or named_all:  # all hours or minutes without a star are a beat to us alone
        return None
    after = _aware(after.replace(microsecond=0))
    horizon = after + timedelta(days=20)
    if any(
        abs(_moved(name, at)) % timedelta(hours=1) or abs(_moved(name, at)) > timedelta(hours=1)
        for at in changes(name, after - timedelta(days=2), horizon, timedelta(hours=6))
    ):
        return None
    found, _ = instants(schedule, after, horizon, 6)
    theirs = [at.astimezone(UTC) for at in islice(CronSim(text, after.astimezone(zone(name))), 6)]
    horizon = min(horizon, *(times[-1] for times in (found, theirs) if times))
    apart = {at for at in {*found} ^ {*theirs} if at <= horizon and not _just_after_a_gap(name, at)}
    return f"after {after}: engine {_shown(found)}, cronsim {_shown(theirs)}" if apart else None


def _just_after_a_gap(name: str, at: datetime) -> bool:
    return shown(name, at) - shown(name, at - timedelta(hours=3)) > timedelta(hours=3)


def _moved(name: str, at: datetime) -> timedelta:
    """By how much the clocks are moved at a change."""
    return shown(name, at) - shown(name, at - timedelta(minutes=1)) - timedelta(minutes=1)


def _draw(seconds: int) -> int:
    """The spread that docs/schedules.md describes."""
    draw = int.from_bytes(sha256(f"{IDENTITY} splay".encode()).digest()[:8], "big")
    return draw % (seconds + 1)


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


def _shown(times: Sequence[datetime]) -> str:
    return " ".join(f"{at:%Y-%m-%dT%H:%M:%S}" for at in times[:8]) or "nothing"
