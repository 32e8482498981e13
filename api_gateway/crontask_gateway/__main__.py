"""`crontask-gateway`: settings, logs, credentials, then the gateway until a signal."""

import asyncio
import gc
import os
import signal
import sys
from secrets import token_hex

import structlog
import uvloop

from crontask_core.errors import CronTaskError
from crontask_gateway import logs
from crontask_gateway.dialects import DIALECTS
from crontask_gateway.metrics import Metrics
from crontask_gateway.program import Gateway
from crontask_gateway.settings import Settings, read_settings
from crontask_kube.client import ApiClient
from crontask_kube.clock import SystemClock
from crontask_kube.config import load

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
        sys.stderr.write(f"crontask-gateway: {error}\n")
        sys.exit(2)


def _spare_the_collector() -> None:
    """Keeps full collections rare and short: with 5,000 jobs in memory each of them would hold up a list by 0.1 s.

    What the imports made lives for ever and need not be looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def run(settings: Settings) -> None:
    """The gateway's life."""
    clock = SystemClock()
    environ = dict(os.environ)  # noqa: TID251 - the credentials' loader is given it whole
    connection = await load(environ, clock=clock, kubeconfig=settings.kubeconfig or None)
    metrics = Metrics()
    api = ApiClient(connection, clock=clock, limit=settings.api_limit, observe=metrics.call)
    try:
        identity = f"{settings.identity}-{token_hex(4)}"
        gateway = Gateway(settings, DIALECTS, api=api, clock=clock, metrics=metrics, identity=identity)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        log.info("started", identity=identity, server=connection.server)
        await gateway.run(stop)
        log.info("stopped")
    finally:
        await api.close()


if __name__ == "__main__":
    main()
