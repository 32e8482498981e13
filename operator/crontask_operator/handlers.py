"""Kopf: watches tasks and what they name, and hands their events over. Nothing is decided here.

Only `on.event` handlers: they cost no patches, annotations or finalizers. What
Kopf does not do (retries, deletions across a re-list, Leases) is done elsewhere.
An exception must not escape a handler, because Kopf would log it and go on.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextvars import ContextVar, copy_context
from typing import Any, cast
from weakref import WeakSet

import aiohttp
import kopf
from kopf._cogs.structs.references import Insights  # what `spawn_tasks` takes as keywords, by no public name
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from crontask_core import names
from crontask_kube.connection import Connection
from crontask_kube.resources import CALENDARS, GROUPS, TARGETS, TASKS
from crontask_operator.admission import Admission

Receive = Callable[[str, str | None, dict[str, Any]], None]
"""Called with the plural, the event's type (None for what a listing found) and the object."""

_of_kopf: ContextVar[WeakSet[asyncio.Task[Any]] | None] = ContextVar("tasks of Kopf", default=None)
"""Where the tasks are noted that are made in this context; Kopf's tasks hand it on to those that they make."""
CANCEL_ROUNDS = 10
LOOK_SECONDS = 5.0
"""How often it is looked whether Kopf watches every kind that it should; what it does not for two looks is an error."""
WATCHED = (TASKS, GROUPS, CALENDARS, TARGETS)
"""Executions and pods, which have most of the events, are watched by `watches`."""


class UnwatchedError(Exception):
    """Kopf does not watch a kind that it should."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Kopf builds a diff base for every event; without changing handlers nothing reads it."""

    def build(self, **_: Any) -> Any:
        """Nothing to compare with."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing was stored."""
        return None

    def store(self, **_: Any) -> None:
        """Nothing is stored."""


class Memoryless(ResourceMemories):
    """Kopf keeps more than 1 KB for each object it has seen, for daemons and changing handlers that we do not have."""

    async def recall(self, raw_body: Any, **rest: Any) -> ResourceMemory:
        """A record for this event only."""
        return await super().recall(raw_body, **rest | {"ephemeral": True})


def registry(
    receive: Receive,
    connection: Connection,
    sessions: list[aiohttp.ClientSession],
    admission: Admission | None = None,
) -> kopf.OperatorRegistry:
    """The handlers, with everything they know passed in; what they open goes into `sessions`, to be closed later."""
    made = kopf.OperatorRegistry()

    @kopf.on.login(registry=made)
    async def login(**_: Any) -> kopf.ConnectionInfo | kopf.AiohttpSession:
        session = connection.open_session()
        sessions.append(session)
        return kopf.AiohttpSession(
            aiohttp_session=session, server=connection.server, default_namespace=connection.namespace
        )

    def watch(plural: str) -> None:
        @kopf.on.event(names.GROUP, names.VERSION, plural, registry=made, id=plural)
        async def handle(event: Mapping[str, Any], **_: Any) -> None:
            receive(plural, event["type"], event["object"])

    for kind in WATCHED:
        watch(kind.plural)
    if admission is not None:
        admission.register(made)
    return made


def settings(error_backoffs: tuple[float, ...] = (0.5, 1, 2, 4, 8, 15)) -> kopf.OperatorSettings:
    """Kopf's settings for an operator of `on.event` handlers only.

    What outlasts the `error_backoffs` (seconds) ends Kopf, which is then started anew (`supervision`).
    """
    made = kopf.OperatorSettings()
    made.peering.standalone = True
    made.posting.enabled = False
    made.networking.request_timeout = 30
    made.networking.connect_timeout = 5
    made.networking.error_backoffs = error_backoffs
    made.watching.chunk_size = 500
    made.queueing.idle_timeout = 1.0
    made.queueing.worker_limit = None
    made.persistence.diffbase_storage = NoDiffBase()
    made.persistence.finalizer = f"{names.GROUP}/unused"
    return made


async def watch(
    receive: Receive,
    connection: Connection,
    *,
    namespaces: tuple[str, ...],
    ready: asyncio.Event,
    stop: asyncio.Event,
    kopf_settings: kopf.OperatorSettings | None = None,
    admission: Admission | None = None,
) -> None:
    """Runs Kopf until `stop`, a signal, or an error that outlasts its retries, which is raised.

    `ready` is set when Kopf has started and has put its own signal handlers in place.
    """
    made, ours = WeakSet[asyncio.Task[Any]](), copy_context()
    insights, sessions = Insights(), list[aiohttp.ClientSession]()
    kopf_settings = kopf_settings or settings()
    if admission is not None:
        kopf_settings.admission.server = admission.serve
    asyncio.get_running_loop().set_task_factory(_made)
    begun = _of_kopf.set(made)
    try:
        roots = await kopf.spawn_tasks(
            # Kopf would ask for the user's name otherwise, which a container without such a user cannot tell.
            identity=cast(Any, "crontask-operator"),
            registry=registry(lambda *event: ours.run(receive, *event), connection, sessions, admission),
            insights=insights,
            memories=Memoryless(),
            settings=kopf_settings,
            clusterwide=not namespaces,
            namespaces=namespaces,
            standalone=True,
            ready_flag=ready,
            stop_flag=stop,
        )
        ends = [*roots, asyncio.create_task(_unwatched(insights))]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        _of_kopf.reset(begun)
        await _end(made)
        for session in sessions:
            await session.close()
    for root in ends:
        if root.done() and not root.cancelled() and (error := root.exception()) is not None:
            raise error


async def _unwatched(insights: Insights) -> None:
    """Raises once a kind has not been watched for a while.

    Kopf looks for kinds when it starts and when a CRD changes. The API server's discovery may lag behind that change
    (seen with 1.45.2 after CRDs had been deleted and applied again), and then Kopf does not look again.
    """
    missing: set[str] = set()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        watched = {(resource.group, resource.plural) for resource in insights.watched_resources}
        now = {wanted.plural for wanted in WATCHED if (wanted.group, wanted.plural) not in watched}
        if lasting := now & missing:
            raise UnwatchedError(f"{', '.join(sorted(lasting))} are not watched; is the CRD there?")
        missing = now


def _made(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **options: Any
) -> asyncio.Task[Any]:
    """Makes a task, and notes it where Kopf makes it."""
    task = asyncio.Task(cast(Coroutine[Any, Any, Any], coro), loop=loop, **options)
    if (made := _of_kopf.get()) is not None:
        made.add(task)
    return task


async def _end(made: WeakSet[asyncio.Task[Any]]) -> None:
    """Cancels what Kopf has created, again and again, and nothing else: our jobs have tasks of their own under way.

    `kopf.run_tasks` cancels once and then waits without bound; a watcher whose stream ends in that very moment
    swallows the cancellation (seen with 1.45.2 when another watcher had failed). And it cancels every task of the
    loop that is younger than itself, whoever has made it.
    """
    for _ in range(CANCEL_ROUNDS):
        left = [task for task in made if not task.done()]
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=1)
