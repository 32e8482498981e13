"""What Kopf does not do, or does too well: each trap shows the operator unharmed.

The real Kopf and the real operator against the fake API server, in real time,
with short waits. The traps are those of `docs/architecture.md`, section "Kopf".
"""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from fakes.apiserver import FakeApiServer
from fakes.discovery import discovery
from fakes.objects import Kind
from fakes.world import Receiver, VirtualClock

from crontask_kube.client import ApiClient
from crontask_kube.clock import SystemClock
from crontask_kube.resources import EXECUTIONS, GROUPS, PODS, TASKS, Resource
from crontask_operator import handlers
from crontask_operator.executors.http import HttpExecutor
from crontask_operator.metrics import Metrics
from crontask_operator.program import Operator
from crontask_operator.settings import Settings
from crontask_operator.supervision import supervise
from crontask_operator.watches import Watches

# A cancellation may meet Kopf between making a worker and starting it; Python tells so where it collects the worker.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine 'worker' was never awaited:RuntimeWarning")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False)
EVERY_SECOND = {"schedule": "* * * * * *", "http": {"url": "http://receiver.test/"}, "history": {"successful": 100}}


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What Kopf leaves is collected here, not in the midst of another test."""
    yield
    gc.collect()


class Process:
    """An operator with a loop and a thread of its own, as it has a process of its own in life.

    Kopf cancels what it finds in its loop when it ends: the fake API server must not be there.
    """

    def __init__(self, server: FakeApiServer, settings: Settings) -> None:
        self._server, self._settings = server, settings
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self.operator: Operator | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._thread.start()

    async def end(self) -> None:
        self._ended.set()
        await asyncio.to_thread(self._thread.join, 20)
        assert not self._thread.is_alive()

    def in_its_loop(self, do: Callable[[Operator], None]) -> None:
        """Does something with the operator where it lives."""
        assert self._loop is not None
        assert self.operator is not None
        self._loop.call_soon_threadsafe(do, self.operator)

    def tasks(self) -> set[str]:
        """Names of the tasks that it knows."""
        return {key.name for key in list(self.operator.shards[0].index.tasks)} if self.operator else set()

    async def _live(self) -> None:
        clock, metrics, self._loop = SystemClock(), Metrics(), asyncio.get_running_loop()
        api = ApiClient(self._server.connection, clock=clock, observe=metrics.call)
        self.operator = operator = Operator(
            self._settings,
            clock=clock,
            identity="a",
            metrics=metrics,
            api=api,
            http=cast(HttpExecutor, Receiver(cast(VirtualClock, clock))),
            post=cast(HttpExecutor, Receiver(cast(VirtualClock, clock))),
        )
        operator.start()
        watches = Watches(api, operator, clock, ())
        watches.start()
        stop = asyncio.Event()
        asker = asyncio.create_task(asyncio.to_thread(self._ended.wait))
        asker.add_done_callback(lambda _: stop.set())
        await supervise(lambda: self._watches(stop), stopping=stop.is_set, monotonic=clock.monotonic, sleep=_soon)
        await watches.close()
        await operator.close()

    async def _watches(self, stop: asyncio.Event) -> None:
        kopf_settings = handlers.settings(error_backoffs=(0.05, 0.05))
        kopf_settings.queueing.idle_timeout = 0.05
        receive = cast(Operator, self.operator).receive
        await handlers.watch(
            receive,
            self._server.connection,
            namespaces=(),
            ready=asyncio.Event(),
            stop=stop,
            kopf_settings=kopf_settings,
        )


async def _soon(seconds: float) -> None:
    """The waits between starts of Kopf, cut short."""
    await asyncio.sleep(min(seconds, 0.1))


@asynccontextmanager
async def operating(server: FakeApiServer, **settings: Any) -> AsyncIterator[Process]:
    """A whole operator, with Kopf under supervision and a receiver that answers 200."""
    process = Process(server, Settings(**settings))
    process.start()
    try:
        await server.until(lambda: bool(server.seen("watch", GROUPS)) and bool(server.seen("watch", PODS)), 10)
        yield process
    finally:
        await process.end()


def finished(server: FakeApiServer, task: str) -> int:
    """How many executions of a task have succeeded."""
    return sum(
        1
        for body in server.all(EXECUTIONS)
        if body["metadata"]["name"].startswith(f"{task}-2") and body["status"]["phase"] == "Succeeded"
    )


async def some_more(server: FakeApiServer, task: str, count: int = 2) -> None:
    """Waits until a task has run so often again."""
    wanted = finished(server, task) + count
    await server.until(lambda: finished(server, task) >= wanted, 15)


async def test_a_task_deleted_during_a_relist_is_dropped_by_the_resync(server: FakeApiServer) -> None:
    for name in ("ghost", "other"):
        server.put(TASKS, {"metadata": {"name": name}, "spec": EVERY_SECOND})
    async with operating(server, resync_seconds=1.0) as process:
        await some_more(server, "ghost", 1)
        held = server.remove_unseen(TASKS, "ghost")
        held.set()
        await server.until(lambda: "ghost" not in process.tasks(), 15)
        await some_more(server, "other")


async def test_an_object_that_makes_a_handler_fail_is_logged_and_stops_nothing(server: FakeApiServer) -> None:
    server.put(TASKS, {"metadata": {"name": "good"}, "spec": EVERY_SECOND})
    async with operating(server):
        server.put(EXECUTIONS, {"metadata": {"name": "broken"}, "spec": {"taskRef": 7}})
        server.put(TASKS, {"metadata": {"name": "bad"}, "spec": ["no", "object"]})
        await some_more(server, "good")


async def test_a_bad_object_does_not_stop_a_take_over(server: FakeApiServer) -> None:
    server.put(EXECUTIONS, {"metadata": {"name": "broken"}, "spec": {"taskRef": 7}})
    server.put(TASKS, {"metadata": {"name": "bad"}, "spec": ["no", "object"]})
    server.put(TASKS, {"metadata": {"name": "good"}, "spec": EVERY_SECOND})
    async with operating(server):
        await some_more(server, "good")


@pytest.mark.parametrize("status", [500, 503, 403, 429])
async def test_answers_that_last_longer_than_kopfs_patience(server: FakeApiServer, status: int) -> None:
    server.put(TASKS, {"metadata": {"name": "early"}, "spec": EVERY_SECOND})
    async with operating(server):
        await some_more(server, "early", 1)
        for verb in ("list", "watch"):
            server.fail(verb, TASKS, times=12, status=status, reason="Made")
        server.end_watches()
        # What is known goes on, because nothing of a start needs the watches.
        await some_more(server, "early")
        server.heal()
        server.put(TASKS, {"metadata": {"name": "late"}, "spec": EVERY_SECOND})
        await some_more(server, "late")


async def test_a_job_with_tasks_of_its_own_outlives_kopf(server: FakeApiServer) -> None:
    """A take-over asks for several things at once, a request's body is written by a task."""
    ended = threading.Event()

    async def job() -> None:
        await asyncio.gather(asyncio.sleep(3.0), asyncio.sleep(3.0))
        ended.set()

    async with operating(server) as process:
        begun = len(server.seen("list", CRDS))
        for verb in ("list", "watch"):
            server.fail(verb, TASKS, times=1000, status=403, reason="Made")
        process.in_its_loop(lambda operator: operator.shards[0].writers.submit(job))
        server.end_watches()
        await server.until(lambda: len(server.seen("list", CRDS)) > begun + 1, 10)  # it is started again and again
        server.heal()
        assert await asyncio.to_thread(ended.wait, 10)


async def test_a_kind_of_which_discovery_tells_too_late(server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kopf looks for kinds at its start and when a CRD changes; if discovery lags behind that, never again."""
    hidden, asked = {TASKS.plural}, asyncio.Event()

    def lagging(path: str, kinds: list[Kind]) -> dict[str, Any] | None:
        if path.strip("/") == f"apis/{TASKS.group}/{TASKS.version}":
            asked.set()
        return discovery(path, [kind for kind in kinds if kind.plural not in hidden])

    monkeypatch.setattr("fakes.apiserver.discovery", lagging)
    async with operating(server):
        assert asked.is_set()
        hidden.clear()
        await server.until(lambda: bool(server.seen("list", TASKS)), 10)  # the take-over needs no discovery
        server.put(TASKS, {"metadata": {"name": "late"}, "spec": EVERY_SECOND})
        await some_more(server, "late")


async def test_a_kind_that_vanishes_and_returns(server: FakeApiServer) -> None:
    server.put(TASKS, {"metadata": {"name": "before"}, "spec": EVERY_SECOND})
    async with operating(server, resync_seconds=1.0) as process:
        await some_more(server, "before", 1)
        place = (TASKS.group, TASKS.version, TASKS.plural)
        kind = server.kinds.pop(place)
        server.end_watches()
        await server.until(lambda: not process.tasks(), 15)
        kind.objects.clear()
        server.kinds[place] = kind
        server.put(CRDS, {"metadata": {"name": f"{TASKS.plural}.{TASKS.group}"}, "spec": {"group": TASKS.group}})
        server.put(TASKS, {"metadata": {"name": "after"}, "spec": EVERY_SECOND})
        await some_more(server, "after")
