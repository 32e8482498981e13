"""Names: made of facts, within Kubernetes' limits, and never the same for two facts."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.names import (
    MAX_LABEL,
    MAX_OBJECT_NAME,
    MAX_POD_NAME,
    Key,
    caused_name,
    execution_name,
    label_value,
    pod_name,
    shortened,
    wished_name,
)

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 22, 9, 5, 7, tzinfo=UTC)
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
names = st.from_regex(SUBDOMAIN, fullmatch=True).filter(lambda name: len(name) <= MAX_OBJECT_NAME)
long_names = st.integers(0, 60).flatmap(
    lambda tail: st.text("ab-", min_size=tail, max_size=tail).map(lambda end: "a" * 190 + end + "z")
)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=0)
)


def test_an_execution_is_named_after_its_task_and_second() -> None:
    assert execution_name("report", AT) == "report-20261122090507"


def test_the_second_counts_in_utc_and_without_its_fraction() -> None:
    east = AT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert execution_name("report", east) == execution_name("report", AT.replace(microsecond=999_999))


def test_a_pod_is_named_after_its_execution_and_attempt() -> None:
    assert pod_name("report-20261122090507", 12) == "report-20261122090507-12"


@pytest.mark.parametrize(
    ("length", "kept"), [(1, True), (MAX_OBJECT_NAME - 15, True), (MAX_OBJECT_NAME - 14, False), (253, False)]
)
def test_a_task_s_name_is_shortened_only_where_the_second_would_not_fit(length: int, kept: bool) -> None:
    task = "a" * length
    name = execution_name(task, AT)
    assert len(name) <= MAX_OBJECT_NAME
    assert name.endswith("-20261122090507")
    assert name.startswith(f"{task}-2026") is kept


@pytest.mark.parametrize(("length", "kept"), [(61, True), (62, False), (253, False)])
def test_a_pod_s_name_fits_a_host_name(length: int, kept: bool) -> None:
    execution = "a" * length
    assert len(pod_name(execution, 1)) <= MAX_POD_NAME
    assert (pod_name(execution, 1) == f"{execution}-1") is kept
    assert len(pod_name(execution, 101)) <= MAX_POD_NAME


def test_a_cut_leaves_no_dangling_separator() -> None:
    cut = shortened("a" * 50 + ".-_" + "b" * 30, 63)
    assert re.fullmatch(r"a{50}-[0-9a-f]{10}", cut)


@settings(deadline=None)
@given(names | long_names, names | long_names, instants, instants)
def test_two_tasks_or_seconds_never_share_an_execution(one: str, other: str, at: datetime, later: datetime) -> None:
    same = (one, at) == (other, later)
    assert (execution_name(one, at) == execution_name(other, later)) is same


@settings(deadline=None)
@given(names | long_names, instants, instants, st.integers(1, 101), st.integers(1, 101))
def test_two_executions_or_attempts_never_share_a_pod(
    task: str, at: datetime, later: datetime, one: int, other: int
) -> None:
    first, second = pod_name(execution_name(task, at), one), pod_name(execution_name(task, later), other)
    assert (first == second) is ((at, one) == (later, other))


@settings(deadline=None)
@given(
    st.tuples(names | long_names, names | long_names, st.integers(1, 101)),
    st.tuples(names | long_names, names | long_names, st.integers(1, 101)),
)
def test_two_targets_never_share_a_pod(one: tuple[str, str, int], other: tuple[str, str, int]) -> None:
    first, second = (pod_name(execution, attempt, target) for execution, target, attempt in (one, other))
    assert (first == second) is (one == other)
    assert len(first) <= MAX_POD_NAME
    assert SUBDOMAIN.fullmatch(first)


def test_a_pod_at_a_target_tells_execution_and_target() -> None:
    assert re.fullmatch(r"report-20261122090507-eu-[0-9a-f]{10}-2", pod_name("report-20261122090507", 2, "eu"))


def test_an_execution_at_a_target_is_told_from_one_whose_name_ends_so() -> None:
    assert len({pod_name("run", 1, "eu-1"), pod_name("run-eu", 1, "1"), pod_name("run-eu-1", 1)}) == 3


@settings(deadline=None)
@given(names | long_names, instants, st.integers(1, 101))
def test_names_and_labels_are_such_as_kubernetes_takes(task: str, at: datetime, attempt: int) -> None:
    execution = execution_name(task, at)
    pod = pod_name(execution, attempt)
    assert len(execution) <= MAX_OBJECT_NAME
    assert len(pod) <= MAX_POD_NAME
    for name in (execution, pod):
        assert SUBDOMAIN.fullmatch(name)
        assert len(label_value(name)) <= MAX_LABEL
        assert LABEL_VALUE.fullmatch(label_value(name))


def test_names_of_one_task_sort_by_time() -> None:
    moments = [AT + timedelta(hours=7 * n) for n in range(100)]
    assert sorted(execution_name("report", at) for at in moments) == [execution_name("report", at) for at in moments]


def test_a_key_is_written_as_kubectl_writes_it() -> None:
    assert str(Key("shop", "report")) == "shop/report"
    assert sorted([Key("b", "a"), Key("a", "b")]) == [Key("a", "b"), Key("b", "a")]


def test_what_an_execution_causes_is_named_after_it_too() -> None:
    name = caused_name("report", AT, "import-20261122090507")
    assert re.fullmatch(r"report-20261122090507-[0-9a-f]{6}", name)
    assert name == caused_name("report", AT, "import-20261122090507")
    assert name != caused_name("report", AT, "other-20261122090507")


@given(task=st.one_of(names, long_names), at=instants, token=names)
def test_what_somebody_wishes_for_has_no_name_of_the_operators(task: str, at: datetime, token: str) -> None:
    name = wished_name(task, at, token)
    assert len(name) <= MAX_OBJECT_NAME
    assert SUBDOMAIN.fullmatch(name)
    assert name == wished_name(task, at, token) != wished_name(task, at, f"{token}x")
    policy = (ROOT / "charts" / "crontask" / "templates" / "admission.yaml").read_text("utf-8")
    (reserved,) = re.findall(r"metadata\.name\.matches\('([^']+)'\)", policy)
    assert re.search(reserved, execution_name(task, at))
    assert re.search(reserved, caused_name(task, at, token))
    assert not re.search(reserved, name)


@given(task=st.one_of(names, long_names), at=instants, cause=names)
def test_such_a_name_is_a_name_and_keeps_its_end(task: str, at: datetime, cause: str) -> None:
    name = caused_name(task, at, cause)
    assert len(name) <= MAX_OBJECT_NAME
    assert SUBDOMAIN.fullmatch(name)
    assert f"-{at:%Y%m%d%H%M%S}-" in name
