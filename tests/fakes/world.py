"""A whole operator in virtual time: the real parts on a fake API server, a fake kubelet, a scripted HTTP receiver.

Needs looptime (`pytestmark = pytest.mark.looptime`): hours pass in milliseconds.
Kopf and our own watches are left out; `World` feeds the operator the same events that they would. A
crash is a process that sends nothing any more; what it had in flight stays so.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, cast

from fakes.apiserver import FakeApiServer
from fakes.direct import DirectApi
from fakes.objects import Object

from crontask_core.httpcall import CallError, CallFacts, HttpRequest, Reason
from crontask_core.names import Key
from crontask_kube.client import ApiClient
from crontask_kube.resources import CALENDARS, EXECUTIONS, GROUPS, PODS, TARGETS, TASKS, Resource
from crontask_operator.executors.http import HttpExecutor
from crontask_operator.metrics import Metrics
from crontask_operator.program import Operator
from crontask_operator.settings import Settings

START = datetime(2026, 3, 1, 11, 59, 50, tzinfo=UTC)
WATCHED = (EXECUTIONS, PODS, TASKS, GROUPS, CALENDARS, TARGETS)
"""In the order in which they are listed: executions, which we watch ourselves, mostly come before their tasks."""


class VirtualClock:
    """The loop's own time as wall clock and monotonic clock; `step` sets the wall clock as NTP would."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic()) + self._offset

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def step(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)


class Line(Protocol):
    """A process' way to the API server."""

    def die(self) -> None:
        """The process is gone: nothing more is sent or answered."""


@dataclass
class Receiver:
    """Answers HTTP calls as told, and keeps what it received: (moment, request)."""

    clock: VirtualClock
    seconds: float = 0.01
    answers: list[CallFacts] = field(default_factory=list)
    """What the next calls are answered; 200 when empty."""
    received: list[tuple[datetime, HttpRequest]] = field(default_factory=list)

    async def call(self, request: HttpRequest, *, may_send: Callable[[], bool] | None = None) -> CallFacts:
        if may_send is not None and not may_send():
            return CallFacts(error=CallError(Reason.NOT_SENT, "the right to start this execution had run out"))
        self.received.append((self.clock.now(), request))
        await asyncio.sleep(self.seconds)
        return self.answers.pop(0) if self.answers else CallFacts(http_status=200, sent=True)

    async def permitted(self, host: str, port: int) -> list[str]:
        raise AssertionError("no e-mail leaves a world; give the notifier a channel of the test's")

    async def close(self) -> None:
        return

    def keys(self) -> list[str]:
        """The Idempotency-Key of each call without its namespace, in the order in which they came."""
        return [dict(request.headers)["Idempotency-Key"].partition("/")[2] for _, request in self.received]


class World:
    """See the module. Objects live in `server`; `start` and `crash` are about operators."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.server = FakeApiServer(self.clock)
        self.receiver = Receiver(self.clock)
        self.post = Receiver(self.clock)
        """Gets notifications."""
        self.operators: dict[str, tuple[Operator, Line, asyncio.Task[None]]] = {}
        self.watches_catch_up = True
        """Whether who asks its watch of executions to catch up hears that it has; else they are read in full."""
        self._kubelet: asyncio.Task[None] | None = None
        self._heard: dict[Operator, int] = {}
        """How much of the history of executions each operator was told."""

    async def close(self) -> None:
        for name in list(self.operators):
            await self.crash(name)
        if self._kubelet is not None:
            self._kubelet.cancel()
            with suppress(asyncio.CancelledError):
                await self._kubelet

    # Operators.

    def start(self, name: str = "a", **settings: Any) -> Operator:
        """An operator process begins."""
        api, line = self.connect(name)
        operator = Operator(
            Settings(identity=name, **settings),
            clock=self.clock,
            identity=name,
            metrics=Metrics(),
            api=api,
            http=cast(HttpExecutor, self.receiver),
            post=cast(HttpExecutor, self.post),
        )
        heard = asyncio.Condition()
        operator.follow(partial(self._caught_up, operator, heard))
        operator.start()
        self.operators[name] = (operator, line, asyncio.create_task(self._feed(operator, heard)))
        return operator

    def connect(self, name: str) -> tuple[ApiClient, Line]:
        """The client of a process, and its end of the line."""
        made = DirectApi(self.server)
        return made.client(), made

    async def hears(self) -> None:
        """Waits until watches tell of something: at once here."""

    async def crash(self, name: str = "a") -> None:
        """kill -9: nothing is finished, nothing more is sent."""
        operator, line, feed = self.operators.pop(name)
        line.die()
        feed.cancel()
        with suppress(asyncio.CancelledError):
            await feed
        await operator.close()

    async def stop(self, name: str = "a") -> None:
        """SIGTERM: drained, then ended."""
        operator, _, feed = self.operators.pop(name)
        await operator.drain()
        feed.cancel()
        with suppress(asyncio.CancelledError):
            await feed
        await operator.close()

    async def _caught_up(self, operator: Operator, heard: asyncio.Condition, known: Collection[Key]) -> bool:
        """What `Watches.caught_up` does."""
        asked = len(self.server._kind(EXECUTIONS).history)
        if not (self.watches_catch_up and known):
            return False
        async with heard:
            await heard.wait_for(lambda: self._heard.get(operator, 0) >= asked)
        return True

    async def _feed(self, operator: Operator, heard: asyncio.Condition) -> None:
        """What the watches do: what exists, then what happens."""
        kinds = [self.server._kind(resource) for resource in WATCHED]
        places = [len(kind.history) for kind in kinds]
        for kind in kinds:
            for body in list(kind.objects.values()):
                operator.receive(kind.plural, None, body)
        while True:
            changed = self.server._objects.changed
            for n, kind in enumerate(kinds):
                for change in kind.history[places[n] :]:
                    operator.receive(kind.plural, change.type, change.object)
                places[n] = len(kind.history)
            async with heard:
                self._heard[operator] = places[WATCHED.index(EXECUTIONS)]
                heard.notify_all()
            await changed.wait()
            await self.hears()

    # Objects.

    def task(self, name: str = "t", schedule: str = "* * * * *", **spec: Any) -> Object:
        """A CronTask; an HTTP call unless `pod` is given."""
        action = {} if "pod" in spec else {"http": {"url": "http://receiver.test/"}}
        return self.server.put(TASKS, {"metadata": {"name": name}, "spec": {"schedule": schedule, **action, **spec}})

    def pod_task(self, name: str = "t", schedule: str = "* * * * *", **spec: Any) -> Object:
        """A CronTask that runs a pod."""
        return self.task(name, schedule, pod={"image": "i"}, **spec)

    def by_hand(self, name: str, task: str = "t", **spec: Any) -> Object:
        """An execution that somebody creates."""
        body = {"metadata": {"name": name}, "spec": {"taskRef": {"name": task}, "trigger": "Manual", **spec}}
        return self.server.put(EXECUTIONS, body)

    def group(self, name: str = "g", **spec: Any) -> Object:
        """A CronTaskGroup."""
        return self.server.put(GROUPS, {"metadata": {"name": name}, "spec": spec})

    def calendar(self, name: str = "c", **spec: Any) -> Object:
        """A CronTaskCalendar."""
        return self.server.put(CALENDARS, {"metadata": {"name": name}, "spec": spec})

    def target(self, name: str, **spec: Any) -> Object:
        """A CronTaskTarget."""
        return self.server.put(TARGETS, {"metadata": {"name": name}, "spec": spec})

    def status(self, name: str = "t", resource: Resource = TASKS) -> Object:
        return cast(Object, self.server.object(resource, name).get("status", {}))

    def condition(self, kind: str, name: str = "t", resource: Resource = TASKS) -> tuple[str, str, str]:
        """Status, reason and message of a condition; empty where there is none."""
        for found in self.status(name, resource).get("conditions", ()):
            if found["type"] == kind:
                return found["status"], found["reason"], found.get("message", "")
        return "", "", ""

    def executions(self) -> list[Object]:
        return sorted(self.server.all(EXECUTIONS), key=lambda body: body["metadata"]["name"])

    def outcomes(self) -> list[tuple[str, str, str]]:
        """Name, phase and reason of each execution."""
        return [
            (body["metadata"]["name"], body.get("status", {}).get("phase", ""), body["status"].get("reason", ""))
            for body in self.executions()
        ]

    def pods_made(self) -> list[str]:
        """The name of each pod that was ever created, in order."""
        return [change.object["metadata"]["name"] for change in self._changes(PODS) if change.type == "ADDED"]

    def _changes(self, resource: Any) -> list[Any]:
        return self.server._kind(resource).history

    def events(self) -> list[tuple[str, str]]:
        """Reason and note of each event that was posted."""
        posted = [request.body for request in self.server.requests if request.resource == "events"]
        return [(body["reason"], body["note"]) for body in posted]

    # Pods.

    def kubelet(self, seconds: float = 1.0, exit_code: int = 0) -> None:
        """From now on each new pod runs so long and ends so."""
        self._kubelet = asyncio.create_task(self._run_pods(seconds, exit_code))

    async def _run_pods(self, seconds: float, exit_code: int) -> None:
        place, kind = 0, self.server._kind(PODS)
        loop = asyncio.get_running_loop()
        while True:
            changed = self.server._objects.changed
            for change in kind.history[place:]:
                if change.type == "ADDED":
                    loop.call_later(seconds, self.end_pod, change.object["metadata"]["name"], exit_code)
            place = len(kind.history)
            await changed.wait()

    def end_pod(self, name: str, exit_code: int = 0, **status: Any) -> None:
        """The pod's container ends; a pod that is gone meanwhile stays so."""
        if all(body["metadata"]["name"] != name for body in self.server.all(PODS)):
            return
        ended = {"exitCode": exit_code, "reason": "Error" if exit_code else "Completed"}
        whole = {
            "phase": "Failed" if exit_code else "Succeeded",
            "startTime": self.clock.now().isoformat(),
            "containerStatuses": [{"name": "main", "state": {"terminated": ended}}],
            **status,
        }
        self.server.edit(PODS, name, {"status": whole})


def at(text: str) -> datetime:
    """A moment of the world's day: "12:01:30"."""
    return datetime.fromisoformat(f"2026-03-01T{text}+00:00")


async def until(world: World, text: str) -> None:
    """Lets time pass up to a moment of the world's day."""
    await asyncio.sleep((at(text) - world.clock.now()).total_seconds())
