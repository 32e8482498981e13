"""A namespace with an operator of its own that may be killed, cut off and replaced, and witnesses of what it does."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from live.operators import Operators
from live.proxy import Held, Proxy
from live.stories import FINAL, Body, Stage, status, task, until
from live.witness import PodWitness

KEEP = {"history": {"successful": 200, "failed": 200}}


@dataclass(frozen=True, slots=True)
class Scene:
    """A namespace with an operator of its own behind a proxy, and a witness of its pods."""

    stage: Stage
    proxy: Proxy
    operators: Operators
    witness: PodWitness

    def due_soon(self, name: str, seconds: int = 5, **spec: object) -> str:
        """A task that is due once, in some seconds; returns its execution's name."""
        at = self.now() + timedelta(seconds=seconds)
        self.stage.apply(task(name, schedule=f"@at {at:%Y-%m-%dT%H:%M:%SZ}", **KEEP, **spec))
        return f"{name}-{at:%Y%m%d%H%M%S}"

    def now(self) -> datetime:
        """The API server's clock, as the creation time of an object that is not even stored."""
        answer = self.stage.kubectl.create(_nothing(), dry=True)
        assert answer.code == 0, answer.err
        return datetime.fromisoformat(answer.body["metadata"]["creationTimestamp"])

    def decided(self, of: str) -> datetime:
        """Up to where each instant of a task has its outcome."""
        return datetime.fromisoformat(status(self.stage.get("ct", of) or {})["watermark"])

    def crash_at(self, held: Held) -> None:
        """Kills the operator once the held request is there, and starts another."""
        assert held.reached.wait(60), "the request to be held has not come"
        self.operators.kill()
        self.operators.start()

    def pods(self, execution: str) -> list[int]:
        """How many pods each attempt of an execution has had."""
        uids = self.witness.uids()
        return [len(uids[name]) for name in sorted(uids) if name.startswith(execution)]

    def calls(self, execution: str) -> list[str]:
        """The numbers of the attempts of an execution that the receiver got."""
        received = self.stage.received("/")
        mine = [
            got["headers"] for got in received if got["headers"].get("Idempotency-Key", "").endswith(f"/{execution}")
        ]
        return [headers["CronTask-Attempt"] for headers in mine]

    def counts(self, of: str) -> dict[str, int]:
        """The counts of a task's status."""
        found: dict[str, int] = status(self.stage.get("ct", of) or {}).get("counts", {})
        return found

    def outcome(self, execution: str) -> tuple[str, str]:
        """Phase and reason of an execution once it has ended."""
        found = status(self.stage.ended(execution))
        return found["phase"], found["reason"]

    def pause(self, *names: str) -> None:
        """Suspends tasks once all their instants up to now are decided, and waits for what runs."""
        now = self.now()
        for name in names:
            until(lambda name=name: self.decided(name) > now, f"all instants of {name} up to now are decided")  # type: ignore[misc]
            self.stage.patch("ct", name, suspend=True)
            self.stage.condition(name, "Scheduled", "False")
        until(lambda: all(status(body).get("phase") in FINAL for body in self.stage.all("cte")), "what runs ends")

    def only_counted(self, of: str) -> int:
        """The lost calls of a task that have no execution: of many at once only the latest three get one."""
        recorded = sum(status(body).get("phase") == "Lost" for body in self.stage.executions(of))
        return self.counts(of)["lost"] - recorded

    def assert_accounted(self, of: str, seconds: int) -> None:
        """Every instant of a task that is due every so many seconds has an execution or is counted."""
        told = ""

        def is_accounted() -> bool:
            nonlocal told
            instants = {datetime.fromisoformat(body["spec"]["scheduledAt"]) for body in self.stage.executions(of)}
            span = int((max(instants) - min(instants)).total_seconds()) // seconds + 1
            told = f"{span} instants, {len(instants)} executions, counts {self.counts(of)}"
            return span == len(instants) + self.counts(of)["missed"] + self.only_counted(of)

        try:
            until(is_accounted, f"each instant of {of} has its outcome", 15)
        except AssertionError as error:
            raise AssertionError(f"{error} ({told})") from None

    def assert_nothing_twice(self) -> None:
        """No attempt was called twice, no pod was made twice, and each call has a record, or is counted as lost."""
        calls = [got["headers"] for got in self.stage.received("/")]
        mine = [headers for headers in calls if headers["Idempotency-Key"].startswith(self.stage.kubectl.namespace)]
        attempts = Counter((headers["Idempotency-Key"], headers["CronTask-Attempt"]) for headers in mine)
        assert set(attempts.values()) == {1}
        assert all(len(uids) == 1 for uids in self.witness.uids().values())
        recorded = {body["metadata"]["name"] for body in self.stage.all("cte")}
        unrecorded = {key.partition("/")[2] for key, _ in attempts} - recorded
        for of, count in Counter(name.rpartition("-")[0] for name in unrecorded).items():
            assert count <= self.only_counted(of), unrecorded


def _nothing() -> Body:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nothing"}}
