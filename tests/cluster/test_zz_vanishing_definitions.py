"""CronTask's definitions are deleted, and every task with them, and come back: the operator lives through it.

The last file of the suite by its name, because nothing that other tests have made survives it.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from live.operators import running_operators
from live.stories import EVERY_SECOND, Stage, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture
def definitions(stage: Stage) -> Iterator[Stage]:
    """The definitions are there again afterwards, whatever happens."""
    if json.loads((stage.state / "cluster.json").read_text())["mode"] == "current":
        pytest.skip("this would delete every task of somebody's cluster")
    yield stage
    _define(stage)


def _define(stage: Stage) -> None:
    stage.kubectl.ok("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    stage.kubectl.ok("wait", "--for=condition=Established", "--timeout=25s", "-f", str(CRDS))


def test_definitions_that_vanish_and_return(definitions: Stage) -> None:
    stage = definitions
    stage.apply(
        task("before", schedule=EVERY_SECOND, http=stage.call("/before")),
        task("pods", schedule=EVERY_SECOND, pod=stage.pod("sleep 30")),
    )
    until(lambda: stage.received("/before") and stage.all("pods"), "tasks run")
    pids = running_operators(stage.state)
    stage.kubectl.ok("delete", "-f", str(CRDS), "--wait=false")
    until(lambda: stage.kubectl("get", "ct").code != 0, "the definitions are gone")
    until(lambda: not stage.all("pods"), "their pods are gone")
    _define(stage)
    stage.apply(task("after", schedule=EVERY_SECOND, http=stage.call("/after")))
    until(lambda: len(stage.received("/after")) >= 3, "new tasks run")
    assert stage.latest("/before") < stage.latest("/after") - timedelta(seconds=2)
    assert running_operators(stage.state) == pids
