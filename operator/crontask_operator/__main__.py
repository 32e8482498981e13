"""`crontask-operator`: settings, logs, credentials, then the operator beside Kopf until a signal."""

import asyncio
import gc
import os
import signal
import sys

import structlog
import uvloop

from crontask_core.errors import CronTaskError
from crontask_kube.client import ApiClient
from crontask_kube.clock import SystemClock
from crontask_kube.config import load
from crontask_kube.connection import Connection
from crontask_operator import handlers, logs
from crontask_operator.admission import Admission
from crontask_operator.executors.http import HttpExecutor
from crontask_operator.health import Health
from crontask_operator.metrics import Metrics
from crontask_operator.notifier import COURIERS
from crontask_operator.program import Operator
from crontask_operator.reach import egress_policy
from crontask_operator.settings import Settings, read_settings
from crontask_operator.supervision import supervise
from crontask_operator.watches import Watches

log = structlog.get_logger(__name__)


def main() -> None:
    """Runs until SIGTERM or SIGINT; exits 2 where a setting or the credentials are wrong."""
    try:
        settings = read_settings()
        logs.configure(settings.log_format, settings.log_level)
        _spare_the_collector()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings))
    except (CronTaskError, OSError) as error:
        sys.stderr.write(f"crontask-operator: {error}\n")
        sys.exit(2)


def _spare_the_collector() -> None:
    """Keeps full collections rare and short: in a burst of calls they cost every fifth moment.

    What the imports made lives for ever and need not be looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def run(settings: Settings) -> None:
    """The operator's life."""
    clock = SystemClock()
    environ = dict(os.environ)  # noqa: TID251 - the credentials' loader is given it whole
    connection = await load(environ, clock=clock, kubeconfig=settings.kubeconfig or None)
    metrics = Metrics()
    api = ApiClient(connection, clock=clock, limit=settings.api_limit, observe=metrics.call)
    policy = await egress_policy(settings, connection, api)
    operator = Operator(
        settings,
        clock=clock,
        identity=f"{settings.identity}-{os.getpid()}",
        metrics=metrics,
        api=api,
        http=HttpExecutor(policy=policy, limit=settings.http_limit),
        post=HttpExecutor(policy=policy, limit=COURIERS),
    )
    admission = None
    if settings.webhook_address:
        admission = Admission(operator.review, settings.webhook_address, settings.webhook_certificate)
    health = Health(
        settings.metrics_address,
        idle_seconds=operator.idle_seconds,
        ready=operator.problem,
        metrics=operator.exposition,
    )
    await health.start()
    operator.start()
    watches = Watches(api, operator, clock, settings.namespaces)
    operator.follow(watches.caught_up)
    watches.start()
    stop = asyncio.Event()
    log.info("started", identity=settings.identity, server=connection.server, namespaces=settings.namespaces or "all")
    try:
        await _watch(settings, connection, operator, admission, stop)
    finally:
        await health.close()
        await watches.close()
        await operator.close()
        log.info("stopped")


async def _watch(
    settings: Settings, connection: Connection, operator: Operator, admission: Admission | None, stop: asyncio.Event
) -> None:
    """Kopf, until the signal; the drain comes before Kopf's end, because it needs the watches."""
    stopping = asyncio.Event()
    drain = asyncio.create_task(_drain_on(stopping, operator, stop))

    async def watches() -> None:
        ready = asyncio.Event()
        signals = asyncio.create_task(_take_signals(ready, stopping))
        try:
            await handlers.watch(
                operator.receive,
                connection,
                namespaces=settings.namespaces,
                ready=ready,
                stop=stop,
                admission=admission,
            )
        finally:
            signals.cancel()
        # Without an error Kopf ends only for a stop flag or a signal that came before we took the signals over.
        stopping.set()
        await stop.wait()

    await supervise(watches, stopping=stop.is_set, monotonic=SystemClock().monotonic)
    await drain


async def _take_signals(ready: asyncio.Event, stopping: asyncio.Event) -> None:
    """Replaces Kopf's own signal handlers, which would end it at once, as soon as it has set them."""
    await ready.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)


async def _drain_on(stopping: asyncio.Event, operator: Operator, stop: asyncio.Event) -> None:
    await stopping.wait()
    log.info("stopping")
    try:
        await operator.drain()
    finally:
        stop.set()


if __name__ == "__main__":
    main()
