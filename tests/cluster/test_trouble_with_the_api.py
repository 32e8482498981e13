"""The API server is away for a while, or its watches do not tell everything: nothing is lost and nothing hangs."""

from datetime import timedelta

import pytest
from live.scenes import KEEP, Scene
from live.stories import EVERY_SECOND, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]


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
        lambda: stage.latest("/stays") - stage.latest("/goes") > timedelta(seconds=5),
        "the deleted task is not run any more, the other is",
    )
    assert "a deleted task was still known" in scene.operators.log()
