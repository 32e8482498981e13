"""The API server is away, forgets history, or loses our definitions: nothing is lost and nothing hangs.

The last test takes the definitions away, and every task with them; so this file runs last.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from live.operators import running_operators
from live.scenes import KEEP, Scene
from live.stories import EVERY_SECOND, Stage, scheduled_at, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

CRDS = Path(__file__).parents[2] / "crds"


def latest(stage: Stage, marker: str) -> datetime:
    """The instant of the last call that the receiver got."""
    return datetime.fromisoformat(scheduled_at(stage.received(marker)[-1]))


@pytest.mark.parametrize("status", [503, 429, 403, 500])
def test_an_outage(scene: Scene, status: int) -> None:
    stage = scene.stage
    stage.apply(
        task("pods", schedule="*/2 * * * * *", pod=stage.pod("echo done"), **KEEP),
        task("calls", schedule=EVERY_SECOND, http=stage.call("/calls"), **KEEP),
    )
    until(lambda: len(stage.received("/calls")) >= 3 and scene.witness.uids(), "both run")
    scene.proxy.refuse(status)
    until(lambda: "the Lease could not be renewed in time" in scene.operators.log(), "the operator has noticed")
    scene.proxy.refuse(0)
    so_far = len(stage.received("/calls"))
    until(lambda: len(stage.received("/calls")) >= so_far + 3, "it goes on")
    scene.pause("pods", "calls")
    scene.assert_accounted("pods", 2)
    scene.assert_accounted("calls", 1)
    scene.assert_nothing_twice()


def test_a_deletion_that_no_watch_tells_of(scene: Scene) -> None:
    stage = scene.stage
    scene.operators.kill()
    scene.operators.settings["CRONTASK_RESYNC_SECONDS"] = "2"
    scene.operators.start()
    stage.apply(
        task("stays", schedule=EVERY_SECOND, http=stage.call("/stays")),
        task("goes", schedule=EVERY_SECOND, http=stage.call("/goes")),
    )
    until(lambda: stage.received("/goes") and stage.received("/stays"), "both run")
    held = scene.proxy.hold("GET", r"/crontasks\?watch=true")
    scene.proxy.cut()
    assert held.reached.wait(30), "the watch is not begun anew"
    stage.kubectl.ok("delete", "ct", "goes")
    scene.proxy.let_go(held)
    until(
        lambda: latest(stage, "/stays") - latest(stage, "/goes") > timedelta(seconds=5),
        "the deleted task is not run any more, the other is",
    )
    assert "a deleted task was still known" in scene.operators.log()


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
    assert latest(stage, "/before") < latest(stage, "/after") - timedelta(seconds=2)
    assert running_operators(stage.state) == pids
