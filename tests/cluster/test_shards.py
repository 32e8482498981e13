"""Two replicas share two shards: each works on its own namespaces, and who is left takes all."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from live.auditing import assert_accounted
from live.kubectl import Kubectl
from live.replica import Replica
from live.scenes import KEEP
from live.stories import EVERY_SECOND, Stage, task, until

from crontask_core.sharding import shard_of

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

SHARDS = 2
SYSTEM = "crontask-system"


@dataclass(frozen=True, slots=True)
class Shared:
    """A namespace of each shard, and the two replicas that work in both."""

    stages: tuple[Stage, Stage]
    replicas: tuple[Replica, Replica]

    def holders(self) -> list[str]:
        """Who holds each shard, by the name of the replica; empty for nobody."""
        leases = self.stages[0].kubectl.within(SYSTEM).ok("get", "leases", "-o", "json").body["items"]
        found = {lease["metadata"]["name"]: lease["spec"].get("holderIdentity") or "" for lease in leases}
        return [found.get(f"crontask-shard-{number}", "").partition("-")[0] for number in range(SHARDS)]

    def calls_go_on(self) -> None:
        """Waits until the tasks of both namespaces have been called three more times."""
        for stage in self.stages:
            mine = f"/{stage.kubectl.namespace}"
            wanted = len(stage.received(mine)) + 3
            until(lambda stage=stage, mine=mine, wanted=wanted: len(stage.received(mine)) >= wanted, f"calls of {mine}")  # type: ignore[misc]


def beside(kubectl: Kubectl) -> Kubectl:
    """A fresh namespace of another shard."""
    mine = shard_of(kubectl.namespace, SHARDS)
    names = (f"{kubectl.namespace}-{number}" for number in range(100))
    other = kubectl.within(next(name for name in names if shard_of(name, SHARDS) != mine))
    other.ok("create", "namespace", other.namespace)
    return other


@pytest.fixture
def shared(alone: Stage, kubectl: Kubectl, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shared]:
    other = beside(kubectl)
    skipped = (alone.state / "receiver.jsonl").stat().st_size
    stages = (replace(alone, kubectl=kubectl, skipped=skipped), replace(alone, kubectl=other, skipped=skipped))
    both, kubeconfig = f"{kubectl.namespace},{other.namespace}", alone.state / "operator.kubeconfig"
    settings = {"CRONTASK_SHARDS": str(SHARDS)}
    replicas = (
        Replica("one", both, kubeconfig, tmp_path, settings),
        Replica("two", both, kubeconfig, tmp_path, settings),
    )
    try:
        for replica in replicas:
            replica.start()
            until(replica.is_ready, f"{replica.name} is ready")
        yield Shared(stages, replicas)
        assert_accounted(kubectl, request)
        assert_accounted(other, request)
    finally:
        for replica in replicas:
            if replica.runs:
                replica.terminate()
        # The next operator divides tasks otherwise, and would wait until it believes that the killed one is dead.
        kubectl.within(SYSTEM).ok("delete", "lease", "--selector=crontask.dev/lease=replica")
        kubectl.within(SYSTEM).ok("delete", "lease", "crontask-layout")
        other.ok("delete", "namespace", other.namespace, "--wait=false")


def test_each_holds_one_and_who_is_left_takes_both(shared: Shared) -> None:
    one, two = shared.replicas
    for stage in shared.stages:
        stage.apply(task("t", schedule=EVERY_SECOND, http=stage.call(f"/{stage.kubectl.namespace}"), **KEEP))
    until(lambda: sorted(shared.holders()) == ["one", "two"], "each holds one")
    shared.calls_go_on()
    two.kill()
    until(lambda: shared.holders() == ["one", "one"], "who is left holds both")
    shared.calls_go_on()
    two.start()
    until(lambda: sorted(shared.holders()) == ["one", "two"], "they share again")
    shared.calls_go_on()
    assert one.terminate() == 0
    until(lambda: shared.holders() == ["two", "two"], "what the other has given up is taken")
    shared.calls_go_on()
    for stage in shared.stages:
        stage.patch("ct", "t", suspend=True)
        stage.condition("t", "Scheduled", "False")
        keys = Counter(received["headers"]["Idempotency-Key"] for received in stage.received("/"))
        assert set(keys.values()) == {1}, "each execution is called once"
