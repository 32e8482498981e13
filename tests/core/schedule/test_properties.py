"""What holds of every schedule, whatever its text: what it answers fits together, and any text is read or refused.

That the answers are right is for `test_campaign`.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from crontask_core.errors import FieldError
from crontask_core.schedule import instants, parse
from crontask_core.schedule.golang import READINGS

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


@st.composite
def one_item(draw: st.DrawFn, low: int, high: int) -> str:
    """A number, a range, or steps."""
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    step = draw(st.integers(1, high - low + 1))
    return draw(st.sampled_from([str(first), f"{first}-{last}", f"{first}-{last}/{step}", f"*/{step}"]))


def one_field(low: int, high: int) -> st.SearchStrategy[str]:
    """`*` or a list of items."""
    return st.just("*") | st.lists(one_item(low, high), min_size=1, max_size=3).map(",".join)


texts = st.tuples(*(one_field(low, high) for low, high in BOUNDS)).map(" ".join)


@SETTINGS
@given(texts, starts, st.sampled_from(ZONES), st.sampled_from(GRAMMARS), st.timedeltas(timedelta(0), 400 * DAY))
def test_next_goes_forward_and_latest_agrees(
    text: str, start: datetime, name: str, grammar: str, length: timedelta
) -> None:
    text = text if grammar in ("standard", "robfig-v3-standard") else f"0 {text}"
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
def test_nothing_lies_before_the_next(text: str, start: datetime, name: str, part: int) -> None:
    """Asked from any moment in between, the answer stays the same."""
    try:
        schedule = parse(text, zone=name)
    except FieldError:  # a 30 February, which never comes
        return
    at = schedule.next(start)
    if at is not None:
        assert schedule.next(start + (at - start) * part // 1000) == at
        assert schedule.next(at - timedelta(microseconds=1)) == at


pieces = [*"0123456789*/-,?LWH#() @~\tTZ=", "MON", "jan", "@every ", "@at ", "1h", "\x1c", "٣", "É"]
odd = st.lists(st.sampled_from(pieces), max_size=12).map("".join)


@settings(SETTINGS, max_examples=200)
@given(
    st.one_of(odd, st.lists(odd, min_size=5, max_size=7).map(" ".join), st.text()), st.sampled_from(GRAMMARS), starts
)
def test_any_text_is_a_schedule_or_a_field_error(text: str, grammar: str, start: datetime) -> None:
    with suppress(FieldError):
        at = parse(text, grammar=grammar, zone="Europe/Berlin", identity="ns/name").next(start)  # type: ignore[arg-type]
        assert at is None or at > start
