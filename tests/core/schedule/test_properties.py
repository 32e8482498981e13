"""Random schedules against three others: a walk over every minute, cronsim, and the schedule's own answers."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from cronsim import CronSim
from fakes.clock_changes import MINUTE, changes, set_time, shown, walls, zone
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from crontask_core.errors import FieldError
from crontask_core.schedule import Schedule, instants, parse
from crontask_core.schedule.dst import FIXED
from crontask_core.schedule.golang import READINGS
from crontask_core.schedule.standard import read

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True, phases=[Phase.generate, Phase.shrink])
GRAMMARS = ["standard", *READINGS]
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Africa/Cairo",
    "Asia/Kathmandu",
]
DAY = timedelta(days=1)
BOUNDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
starts = st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@dataclass(frozen=True)
class Field:
    """A field's text and the set that it stands for, made together: no parser is asked."""

    text: str
    values: frozenset[int]

    @property
    def star(self) -> bool:
        return self.text == "*"


@st.composite
def one_item(draw: st.DrawFn, low: int, high: int) -> Field:
    """A number, a range, or a stepped range."""
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    step = draw(st.integers(1, high - low + 1))
    if first == last:  # written as a range it means the same to us, but not to cronsim (see `test_dst`)
        return Field(str(first), frozenset({first}))
    return draw(
        st.sampled_from(
            [
                Field(str(first), frozenset({first})),
                Field(f"{first}-{last}", frozenset(range(first, last + 1))),
                Field(f"{first}-{last}/{step}", frozenset(range(first, last + 1, step))),
                Field(f"*/{step}", frozenset(range(low, high + 1, step))),
            ]
        )
    )


@st.composite
def one_field(draw: st.DrawFn, low: int, high: int, stepped_star: bool = True) -> Field:
    """`*` or a list of items."""
    if draw(st.booleans()):
        return Field("*", frozenset(range(low, high + 1)))
    items = one_item(low, high) if stepped_star else one_item(low, high).filter(lambda item: "*" not in item.text)
    parts = draw(st.lists(items, min_size=1, max_size=3))
    return Field(",".join(part.text for part in parts), frozenset().union(*(part.values for part in parts)))


texts = st.tuples(*(one_field(low, high) for low, high in BOUNDS))
days_by_number = st.tuples(*(one_field(low, high, stepped_star=False) for low, high in (BOUNDS[2], BOUNDS[4])))
debian = st.tuples(one_field(*BOUNDS[0]), one_field(*BOUNDS[1]), days_by_number).map(
    lambda drawn: (drawn[0], drawn[1], drawn[2][0], Field("*", frozenset(range(1, 13))), drawn[2][1])
)
"""Every month, so that cronsim need not search long; no `*/n` in day fields, where Debian wants both to match."""
DEBIAN_ZONES = [name for name in ZONES if name != "Australia/Lord_Howe"]


def meant(fields: tuple[Field, ...], wall: datetime) -> bool:
    """Whether a wall-clock minute is one of the schedule's."""
    minute, hour, day, month, weekday = fields
    by_date, by_weekday = wall.day in day.values, wall.isoweekday() % 7 in weekday.values
    open_date, open_weekday = open_field(day), open_field(weekday)
    right_day = by_date and by_weekday if open_date or open_weekday else by_date or by_weekday
    return wall.minute in minute.values and wall.hour in hour.values and wall.month in month.values and right_day


def open_field(field: Field) -> bool:
    return field.star or "*/1" in field.text.split(",")


def made(fields: tuple[Field, ...], name: str) -> Schedule | None:
    """The schedule, or None where the fields name no day of any year."""
    try:
        return parse(text_of(fields), zone=name)
    except FieldError as error:
        if error.problem == "never fires":
            return None
        raise


def text_of(fields: tuple[Field, ...]) -> str:
    return " ".join(field.text for field in fields)


@SETTINGS
@given(texts, starts, st.sampled_from(["UTC", "Asia/Kathmandu"]))
def test_a_walk_over_every_minute_finds_the_same(fields: tuple[Field, ...], start: datetime, name: str) -> None:
    schedule = made(fields, name)
    if schedule is not None:
        first = start.replace(second=0, microsecond=0) + MINUTE
        walked = [at for at in walls(first, first + 2 * DAY) if meant(fields, shown(name, at))]
        found, more = instants(schedule, start, first + 2 * DAY - MINUTE, 3000)
        assert (found, more) == (walked, False)


@SETTINGS
@given(texts, st.sampled_from(ZONES), st.integers(0, 5))
def test_a_walk_around_a_clock_change_finds_the_same(fields: tuple[Field, ...], name: str, which: int) -> None:
    """Beats by real minutes, set times by wall-clock minutes as RFC 5545 reads them."""
    schedule = made(fields, name)
    if schedule is None:
        return
    seen = changes(name, datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC))
    change = seen[which % len(seen)] if seen else datetime(2026, 3, 1, tzinfo=UTC)
    start, end = change - DAY / 2, change + DAY / 2
    if read(text_of(fields), "")[1] == FIXED:
        candidates = walls(shown(name, start) - DAY, shown(name, end) + DAY)
        times = {set_time(name, wall) for wall in candidates if meant(fields, wall)}
        walked = sorted(at for at in times if start < at <= end)
    else:
        walked = [at for at in walls(start + MINUTE, end + MINUTE) if meant(fields, shown(name, at))]
    assert instants(schedule, start, end, 3000) == (walked, False)


@SETTINGS
@given(debian.filter(lambda fields: not differs_on_purpose(fields)), starts, st.sampled_from(DEBIAN_ZONES))
def test_cronsim_finds_the_same(fields: tuple[Field, ...], start: datetime, name: str) -> None:
    """But for what `test_dst` lists: here, what falls within three hours after a gap."""
    schedule = parse(text_of(fields), zone=name)
    found, _ = instants(schedule, start, start + 900 * DAY, 12)
    theirs = [at.astimezone(UTC) for at in islice(CronSim(text_of(fields), start.astimezone(zone(name))), 12)]
    horizon = min(found[-1], theirs[-1])
    apart = {at for at in set(found) ^ set(theirs) if at <= horizon}
    assert {at for at in apart if shown(name, at) - shown(name, at - timedelta(hours=3)) <= timedelta(hours=3)} == set()


def differs_on_purpose(fields: tuple[Field, ...]) -> bool:
    """All minutes or hours named without a star are a beat to us alone."""
    return any(len(field.values) == 1 + BOUNDS[at][1] and "*" not in field.text for at, field in enumerate(fields[:2]))


@SETTINGS
@given(texts, starts, st.sampled_from(ZONES), st.sampled_from(GRAMMARS), st.timedeltas(timedelta(0), 400 * DAY))
def test_next_goes_forward_and_latest_agrees(
    fields: tuple[Field, ...], start: datetime, name: str, grammar: str, length: timedelta
) -> None:
    text = text_of(fields) if grammar in ("standard", "robfig-v3-standard") else f"0 {text_of(fields)}"
    try:
        schedule = parse(text, zone=name, grammar=grammar)  # type: ignore[arg-type]
    except FieldError:
        return
    found, more = instants(schedule, start, start + length, 40)
    assert found == sorted(set(found))
    assert all(start < at <= start + length and at.tzinfo is UTC and at.microsecond == 0 for at in found)
    if not more:
        assert schedule.latest(start, start + length) == (found[-1] if found else None)


@SETTINGS
@given(texts, starts, st.sampled_from(ZONES), st.integers(0, 999))
def test_nothing_lies_before_the_next(fields: tuple[Field, ...], start: datetime, name: str, part: int) -> None:
    """Asked from any moment in between, the answer stays the same."""
    schedule = made(fields, name)
    at = schedule.next(start) if schedule is not None else None
    if schedule is not None and at is not None:
        assert schedule.next(start + (at - start) * part // 1000) == at
        assert schedule.next(at - timedelta(microseconds=1)) == at


pieces = [*"0123456789*/-,?LWH#() @~\tTZ=", "MON", "jan", "@every ", "@at ", "1h", "\x1c", "٣", "É"]
odd = st.lists(st.sampled_from(pieces), max_size=12).map("".join)


@settings(SETTINGS, max_examples=400)
@given(
    st.one_of(odd, st.lists(odd, min_size=5, max_size=7).map(" ".join), st.text()), st.sampled_from(GRAMMARS), starts
)
def test_any_text_is_a_schedule_or_a_field_error(text: str, grammar: str, start: datetime) -> None:
    with suppress(FieldError):
        at = parse(text, grammar=grammar, zone="Europe/Berlin", identity="ns/name").next(start)  # type: ignore[arg-type]
        assert at is None or at > start
