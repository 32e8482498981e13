"""The short form of `make chaos`: each kind of fault once, under work, and the proof that no law was broken.

Two operators side by side, each behind a proxy; what must hold on any machine is asserted, what depends on its speed
(gaps, lateness) is only measured by the long form.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from live.kubectl import Kubectl
from live.stories import Stage

from chaos import acts
from chaos.judge import judge
from chaos.plan import OF_API, Fault
from chaos.report import lines
from chaos.run import receiver_size, run
from chaos.server import Server
from chaos.site import Site, site
from chaos.work import jobs

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

CALLS = 3
"""Plain calls a second; the other tasks make about six starts more."""
LEASE = {"CRONTASK_LEASE_SECONDS": "3"}
"""Longer than the default: a busy machine must not look like a fault."""
LAWS = (
    "called twice",
    "pod made twice",
    "without outcome",
    "without record",
    "without end",
    "contradiction",
    "audit",
    "witness",
)
"""What no fault may break on any machine; the other checks of the long form look at speed."""
KINDS: list[Fault] = [
    Fault(2, "kill", "leader", 1),
    Fault(6, "kill", "standby", 1),
    Fault(10, "pause", "leader", 6),
    Fault(20, "restart", "leader", 0),
    Fault(27, "kill", "both", 1),
    Fault(36, "api-term", "both", 2),
    Fault(56, "api-kill", "both", 3),
    Fault(70, "cut", "both", 0),
    Fault(73, "refuse", "leader", 4, 429),
    Fault(79, "slow", "both", 4, 1),
    Fault(88, "hole", "leader", 6),
    Fault(99, "clock", "both", 4, 5),
    Fault(108, "clock", "leader", 4, -5),
]


@pytest.fixture
def two(alone: Stage, kubectl: Kubectl, tmp_path: Path) -> Iterator[tuple[Stage, Site]]:
    """A namespace with two operators of its own."""
    stage = replace(alone, kubectl=kubectl, skipped=receiver_size(alone.state))
    with site(Server(alone.state), alone.state, kubectl.namespace, tmp_path, LEASE) as made:
        yield stage, made


def test_the_short_form_holds_every_kind() -> None:
    assert {fault.kind for fault in KINDS} == set(acts.KINDS)


def test_no_fault_loses_an_instant_or_starts_one_twice(two: tuple[Stage, Site]) -> None:
    stage, operators = two
    faults = [fault for fault in KINDS if operators.server.can_stop or fault.kind not in OF_API]
    work = jobs(stage.receiver, stage.image, CALLS)
    verdict = judge(run(stage, operators, work, faults, quiet=0, poisoned=True, say=print))
    print("\n".join(lines(verdict)))
    told = {name: found for name, found in verdict.violations.items() if name in LAWS}
    assert not told, f"{told}\n{verdict.figures}"
    assert verdict.figures["outcomes"]["Started"] > 100
