"""An execution with targets as a whole: outcome, attempts and output of its parts together."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crontask_core.model import Attempt
from crontask_core.model.execution import MAX_ATTEMPTS_KEPT, MAX_MESSAGE
from crontask_core.planning.execution import Finish
from crontask_core.planning.parts import PartEnd, joint_attempts, joint_end, joint_output, split_output

AT = datetime(2026, 3, 1, tzinfo=UTC)


def ok(target: str) -> PartEnd:
    return PartEnd(target, "Succeeded", "Completed", "")


def failed(target: str, reason: str = "NonZeroExit") -> PartEnd:
    return PartEnd(target, "Failed", reason, "why")


def stopped(target: str) -> PartEnd:
    return PartEnd(target, "Cancelled", "Stopped", "The execution was stopped (spec.stop).")


@pytest.mark.parametrize(
    ("parts", "end"),
    [
        ([ok("a"), ok("b")], Finish("Succeeded", "Completed", "")),
        ([ok("a"), failed("b")], Finish("Failed", "NonZeroExit", "1 of 2 targets failed: b (NonZeroExit).")),
        (
            [failed("a", "Timeout"), ok("b"), failed("c")],
            Finish("Failed", "Timeout", "2 of 3 targets failed: a (Timeout), c (NonZeroExit)."),
        ),
        ([failed("a"), stopped("b")], Finish("Cancelled", "Stopped", "The execution was stopped (spec.stop).")),
        ([ok("a"), stopped("b")], Finish("Cancelled", "Stopped", "The execution was stopped (spec.stop).")),
    ],
)
def test_the_end_of_the_whole(parts: list[PartEnd], end: Finish) -> None:
    assert joint_end(parts) == end


def test_a_message_about_very_many_targets_is_bounded() -> None:
    end = joint_end([failed("t" * 60 + str(n), "ApiUnavailable") for n in range(100)])
    assert end.message.startswith("100 of 100 targets failed: ")
    assert end.message.endswith(" and 90 more.")
    assert len(end.message) <= MAX_MESSAGE


def attempts(target: str, count: int) -> list[Attempt]:
    return [Attempt(number=n + 1, target=target, started_at=AT) for n in range(count)]


def test_attempts_are_told_by_number_then_in_the_order_of_the_targets() -> None:
    told = joint_attempts([attempts("a", 1), attempts("b", 3), attempts("c", 2)])
    assert [(each.number, each.target) for each in told] == [
        (1, "a"),
        (1, "b"),
        (1, "c"),
        (2, "b"),
        (2, "c"),
        (3, "b"),
    ]


@given(st.lists(st.integers(0, 30), max_size=100))
def test_the_latest_attempt_of_each_target_is_always_kept(counts: list[int]) -> None:
    told = joint_attempts([attempts(f"t{n}", count) for n, count in enumerate(counts)])
    assert len(told) == min(sum(counts), MAX_ATTEMPTS_KEPT)
    shown = {(each.target, each.number) for each in told}
    assert shown >= {(f"t{n}", count) for n, count in enumerate(counts) if count}
    assert [each.number for each in told] == sorted(each.number for each in told)


@pytest.mark.parametrize(
    ("outputs", "limit", "expected"),
    [
        ([], 100, ("", False)),
        ([("a", ""), ("b", "")], 100, ("", False)),
        ([("a", "one\n"), ("b", "two\n")], 100, ("==> a <==\none\n==> b <==\ntwo", False)),
        ([("a", "one\n"), ("b", "")], 100, ("==> a <==\none", False)),
        ([("a", "x" * 50), ("b", "two")], 50, ("==> a <==\n" + "x" * 25 + "\n==> b <==\ntwo", True)),
        ([("a", "x" * 50), ("b", "y" * 50)], 42, ("==> a <==\n" + "x" * 10 + "\n==> b <==\n" + "y" * 10, True)),
        ([("a", "one")], 0, ("", True)),
        ([("a", "one"), ("b", "two")], 12, ("==> a <==\n\n=", True)),
    ],
)
def test_outputs_are_told_one_after_the_other(
    outputs: list[tuple[str, str]], limit: int, expected: tuple[str, bool]
) -> None:
    assert joint_output(outputs, limit) == expected


@given(st.lists(st.text(max_size=40), max_size=8), st.integers(0, 200))
def test_no_more_than_the_limit_and_all_of_it_where_there_is_room(texts: list[str], limit: int) -> None:
    outputs = [(f"t{n}", text) for n, text in enumerate(texts)]
    told, cut = joint_output(outputs, limit)
    assert len(told.encode()) <= limit
    whole = joint_output(outputs, 10_000)
    assert (told, cut) == whole if not cut else len(told) <= len(whole[0])
    assert all(f"==> {target} <==\n{text.removesuffix(chr(10))}" in whole[0] for target, text in outputs if text)


@given(st.dictionaries(st.sampled_from("abcd"), st.text("xy\n =>", max_size=20), max_size=4))
def test_what_was_put_together_comes_apart(texts: dict[str, str]) -> None:
    told, _ = joint_output(texts.items(), 10_000)
    assert split_output(told, texts.keys()) == {at: text.removesuffix("\n") for at, text in texts.items() if text}


def test_a_line_like_ours_that_somebody_has_written_is_text() -> None:
    told, _ = joint_output([("a", "1\n==> c <==\n==> a <==\n2"), ("b", "3")], 1000)
    assert split_output(told, {"a", "b"}) == {"a": "1\n==> c <==\n==> a <==\n2", "b": "3"}
    assert split_output("no line of ours", {"a"}) == {}
