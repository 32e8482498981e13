"""The plan of faults is a pure function of seed and time."""

import pytest

from chaos import acts
from chaos.plan import FIRST, KINDS, STATUSES, kills, plan


@pytest.mark.parametrize("seed", range(20))
def test_the_same_seed_makes_the_same_faults(seed: int) -> None:
    assert plan(seed, 600) == plan(seed, 600)
    assert plan(seed, 600) != plan(seed + 1, 600)


@pytest.mark.parametrize("seed", range(20))
def test_faults_come_in_order_and_end_in_time(seed: int) -> None:
    faults = plan(seed, 600)
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    assert faults[0].at == FIRST
    assert all(fault.end <= 600 for fault in faults)


@pytest.mark.parametrize("seed", range(5))
def test_half_an_hour_holds_every_kind_several_times(seed: int) -> None:
    faults = plan(seed, 1800)
    for kind in {kind.name for kind in KINDS}:
        assert sum(fault.kind == kind for fault in faults) >= 2, kind
    assert {fault.value for fault in faults if fault.kind == "refuse"} <= set(STATUSES)


def test_each_kind_of_fault_can_be_done() -> None:
    assert {kind.name for kind in KINDS} == set(acts.KINDS)


def test_a_leader_is_killed_at_each_turn() -> None:
    assert [fault.at for fault in kills(60, 10)] == [10, 20, 30, 40, 50]
    assert {(fault.kind, fault.who) for fault in kills(60, 10)} == {("kill", "leader")}
    assert kills(5, 10) == []
