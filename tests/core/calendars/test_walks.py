"""Random calendars against a plain question to the clock, hour by hour around the changes of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from fakes.clock_changes import shown
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from crontask_core.calendars import next_allowed, read_calendar
from crontask_core.model import CalendarSpec
from crontask_core.schedule import instants, parse

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.generate, Phase.shrink])
NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
STARTS = [datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 4, 3, tzinfo=UTC)]
times = st.integers(0, 96).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
days = st.dates(date(2026, 3, 25), date(2026, 4, 9)) | st.dates(date(2026, 10, 22), date(2026, 10, 30))
windows = st.fixed_dictionaries({"days": st.lists(st.sampled_from(NAMES), max_size=3), "start": times, "end": times})
specs = st.fixed_dictionaries(
    {
        "timeZone": st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York"]),
        "dates": st.lists(days.map(str), max_size=2),
        "ranges": st.lists(
            st.tuples(days, days).map(lambda two: {"start": str(min(two)), "end": str(max(two))}), max_size=1
        ),
        "weekly": st.lists(windows, max_size=2),
    }
)


def meant(spec: dict[str, Any], wall: datetime) -> bool:
    """Whether a calendar covers what the clock shows, as one would explain it."""
    today = wall.date()
    if str(today) in spec["dates"] or any(span["start"] <= str(today) <= span["end"] for span in spec["ranges"]):
        return True
    for window in spec["weekly"]:
        for back in range(3):  # a window from 24:00 may end two days after the one that it belongs to
            begun = today - timedelta(days=back)
            if window["days"] and NAMES[begun.weekday()] not in window["days"]:
                continue
            midnight = datetime.combine(begun, datetime.min.time())
            opens, closes = (midnight + timedelta(minutes=minutes(window[name])) for name in ("start", "end"))
            if opens <= wall < (closes if closes > opens else closes + timedelta(days=1)):
                return True
    return False


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


@SETTINGS
@given(specs, st.sampled_from(STARTS))
def test_a_walk_by_the_clock_finds_the_same(spec: dict[str, Any], start: datetime) -> None:
    calendar = read_calendar("test", CalendarSpec.model_validate(spec))
    for quarter in range(4 * 24 * 4):
        at = start + timedelta(minutes=15 * quarter, seconds=7)
        assert calendar.covers(at) == meant(spec, shown(spec["timeZone"], at)), at


@SETTINGS
@given(specs, specs, st.sampled_from(STARTS), st.booleans())
def test_what_is_left_is_what_a_walk_leaves(
    first: dict[str, Any], second: dict[str, Any], start: datetime, exclusive: bool
) -> None:
    """Instant by instant, beside the jumps of `next_allowed`."""
    calendars = [read_calendar("test", CalendarSpec.model_validate(spec)) for spec in (first, second)]
    schedule = parse("*/20 * * * *")
    walked, _ = instants(schedule, start, start + timedelta(days=4), 1000)
    covered = [any(meant(spec, shown(spec["timeZone"], at)) for spec in (first, second)) for at in walked]
    kept = [at for at, inside in zip(walked, covered, strict=True) if inside != exclusive][:20]
    found, at = [], start
    while len(found) < len(kept):
        following = next_allowed(schedule, at, **{"exclude" if exclusive else "only": calendars})
        assert following is not None
        found.append(following)
        at = following
    assert found == kept
