"""Who of a group may begin: tables for limits and fairness, and what holds whatever comes."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crontask_core.model import GroupSpec
from crontask_core.names import Key
from crontask_core.planning.group import Admission, Limits, Waiting, admit, limits_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def waiting(*texts: str) -> list[Waiting]:
    """`a3` waits for task a since three seconds after noon; `a3!` was asked for by hand."""
    return [
        Waiting(Key("n", text), Key("n", text[0]), NOON + timedelta(seconds=int(text[1:].rstrip("!"))), "!" in text)
        for text in texts
    ]


def names(admission: Admission) -> list[str]:
    return [each.execution.name for each in admission.admitted]


def counts(**active: int) -> dict[Key, int]:
    return {Key("n", task): count for task, count in active.items()}


@pytest.mark.parametrize(
    ("limits", "active", "asking", "admitted"),
    [
        (Limits(), {}, ["a2", "b1"], ["b1", "a2"]),
        (Limits(), {}, [], []),
        (Limits(concurrency=2), {}, ["a1", "b2", "c3"], ["a1", "b2"]),
        (Limits(concurrency=2), {"a": 1}, ["a1", "b2", "c3"], ["b2"]),
        (Limits(concurrency=2), {"z": 2}, ["a1"], []),
        # A limit that was lowered below what runs lets nobody in until enough have ended.
        (Limits(concurrency=2), {"z": 5}, ["a1"], []),
        # Fewest active first: one of each, before a second one of any.
        (Limits(concurrency=3), {}, ["a1", "a2", "a3", "b4", "c5"], ["a1", "b4", "c5"]),
        (Limits(concurrency=5), {"b": 1}, ["a1", "a2", "a3", "b4"], ["a1", "a2", "b4", "a3"]),
        # Equally many: the longest waiting one, then the name.
        (Limits(concurrency=9), {"a": 1, "b": 1}, ["a2", "b1"], ["b1", "a2"]),
        (Limits(concurrency=9), {}, ["b1", "a1"], ["a1", "b1"]),
        # Within a task in the order of the instants.
        (Limits(concurrency=9), {}, ["a3", "a1", "a2"], ["a1", "a2", "a3"]),
        # Suspended or frozen: only by hand, and only within the limit.
        (Limits(held=True), {}, ["a1", "b2!"], ["b2!"]),
        (Limits(concurrency=1, held=True), {"z": 1}, ["b2!"], []),
    ],
)
def test_places_are_given_fairly(
    limits: Limits, active: dict[str, int], asking: list[str], admitted: list[str]
) -> None:
    assert names(admit(limits, counts(**active), [], waiting(*asking), 100.0)) == admitted


@pytest.mark.parametrize(
    ("rate", "starts", "asking", "admitted", "again_in"),
    [
        (2, [], 1, 1, None),
        (2, [], 3, 2, 1.0),
        (2, [99.5], 3, 1, 0.5),
        (2, [99.5, 99.75], 1, 0, 0.5),
        (2, [99.0], 2, 2, None),
        (2, [98.0, 98.1], 2, 2, None),
        # One every two seconds.
        (0.5, [98.5], 1, 0, 0.5),
        (0.5, [98.0], 1, 1, None),
        # Two at once, then a pause that keeps the average at one and a half.
        (1.5, [], 3, 2, 2 / 1.5),
        (1.5, [99.0, 99.0], 1, 0, 2 / 1.5 - 1),
    ],
)
def test_starts_are_spread(
    rate: float, starts: list[float], asking: int, admitted: int, again_in: float | None
) -> None:
    found = admit(Limits(starts_per_second=rate), {}, starts, waiting(*(f"a{n}" for n in range(asking))), 100.0)
    assert len(found.admitted) == admitted
    assert found.again_in == (None if again_in is None else pytest.approx(again_in))


def test_where_places_are_what_lacks_an_end_tells_when_to_look_again() -> None:
    limits = Limits(concurrency=1, starts_per_second=5)
    assert admit(limits, counts(z=1), [], waiting("a1"), 100.0) == Admission()
    assert admit(limits, {}, [], waiting("a1", "b1"), 100.0).again_in is None


def test_limits_are_those_of_the_spec() -> None:
    spec = GroupSpec(concurrency_limit=3, starts_per_second=2.5)
    assert limits_of(spec, held=True) == Limits(3, 2.5, True)
    assert (limits_of(spec, held=False).burst, limits_of(spec, held=False).window) == (3, pytest.approx(1.2))


@given(
    limit=st.none() | st.integers(1, 5),
    rate=st.none() | st.sampled_from([0.25, 0.5, 1, 1.5, 2, 3, 7]),
    arrivals=st.lists(st.tuples(st.floats(0, 20), st.integers(0, 4), st.floats(0.1, 5)), max_size=40),
)
def test_limits_are_never_exceeded_and_nobody_starves(
    limit: int | None, rate: float | None, arrivals: list[tuple[float, int, float]]
) -> None:
    """Plays a group: executions come (moment, task, seconds that it runs), wait, begin, and end."""
    limits = Limits(limit, rate)
    coming = sorted(
        (moment, Waiting(Key("n", f"e{n}"), Key("n", str(task)), NOON + timedelta(seconds=moment)), runs)
        for n, (moment, task, runs) in enumerate(arrivals)
    )
    seconds = {each.execution: runs for _, each, runs in coming}
    line: list[Waiting] = []
    starts: list[float] = []
    running: list[tuple[float, Key]] = []
    now, again = 0.0, float("inf")
    for _ in range(10 * len(coming) + 10):
        if not (line or coming):
            break
        now = min([again, *[end for end, _ in running], *[moment for moment, _, _ in coming[:1]]])
        running = [each for each in running if each[0] > now]
        while coming and coming[0][0] <= now:
            line.append(coming.pop(0)[1])
        found = admit(limits, Counter(task for _, task in running), starts, line, now)
        again = now + max(found.again_in, 1e-9) if found.again_in is not None else float("inf")
        for each in found.admitted:
            line.remove(each)
            starts.append(now)
            running.append((now + seconds[each.execution], each.task))
        assert limit is None or len(running) <= limit
    assert line == []
    assert coming == []
    if rate is not None:
        for n, first in enumerate(starts[: -limits.burst]):
            assert starts[n + limits.burst] - first >= limits.window - 1e-6


@given(busy=st.integers(1, 3), newcomers=st.integers(1, 30))
def test_a_task_without_an_active_execution_is_before_whoever_comes_later(busy: int, newcomers: int) -> None:
    patient = waiting("p0")
    others = [Waiting(Key("n", f"x{n}"), Key("n", f"x{n}"), NOON + timedelta(seconds=n + 1)) for n in range(newcomers)]
    found = admit(Limits(concurrency=busy + 1), counts(z=busy), [], [*reversed(others), *patient], 0.0)
    assert found.admitted == tuple(patient)
