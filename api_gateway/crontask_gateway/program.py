"""The gateway's life: sockets, the replica's watches, the server, and their orderly end."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version

import structlog

from crontask_gateway.app import App, Limits
from crontask_gateway.dialects.shape import Dialect
from crontask_gateway.management import Management
from crontask_gateway.metrics import Metrics
from crontask_gateway.mounts import enabled, mounted, namespaces
from crontask_gateway.pipeline import Mounted
from crontask_gateway.replica import Replica
from crontask_gateway.server import Bounds, listen, make_server
from crontask_gateway.settings import MountSettings, Settings
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock

log = structlog.get_logger(__name__)


class Gateway:
    """One process. `identity` must be unique to it."""

    def __init__(
        self,
        settings: Settings,
        dialects: Iterable[Dialect],
        *,
        api: ApiClient,
        clock: Clock,
        metrics: Metrics,
        identity: str,
    ) -> None:
        """Raises FieldError for settings that cannot be used, also for a port that is taken."""
        mounts = enabled(settings, dialects)
        self._settings, self._metrics = settings, metrics
        self.replica = Replica(
            api,
            clock,
            namespaces=namespaces(mounts),
            dialects=[dialect.name for dialect, _ in mounts],
            lease_namespace=settings.lease_namespace,
            identity=identity,
            cache_bytes=settings.cache_bytes,
            api_keys=any(mount.api_keys for _, mount in mounts),
            others=namespaces([(dialect, mount) for dialect, mount in mounts if mount.others]),
        )
        self._management = Management(ready=self.problem, metrics=self._exposition)
        limits = Limits(settings.body_bytes, settings.body_seconds, settings.request_seconds)
        self._app = App(
            limits=limits, metrics=metrics, clock=clock, trusted=settings.trusted_proxies, other=self._management
        )
        self._stopping = False
        self._sockets: list[socket.socket] = []
        try:
            self._management.port = self._listen("metricsAddress", settings.metrics_address)
            self._mount(mounts, clock)
        except BaseException:
            self._close()
            raise

    def _mount(self, mounts: list[tuple[Dialect, MountSettings]], clock: Clock) -> None:
        common: dict[str, Mounted] = {}
        for dialect, mount in mounts:
            made = mounted(
                dialect,
                mount,
                store=self.replica.store,
                clock=clock,
                node=self._settings.identity,
                version=_version(),
                ring=self.replica.ring,
            )
            port = dialect.port if mount.port is None else mount.port
            if port:
                path = f"dialects.{dialect.name}.port"
                self._app.sites[self._listen(path, f"{self._settings.host}:{port}")] = {"": made}
            if mount.prefix:
                common[mount.prefix] = made
        if common:
            self._app.sites[self._listen("commonAddress", self._settings.common_address)] = common

    @property
    def ports(self) -> dict[str, int]:
        """The ports that are listened on: of dialects by name, the common one, and that of the metrics."""
        own = {site[""].dialect.name if "" in site else "common": port for port, site in self._app.sites.items()}
        return own | {"metrics": self._management.port}

    def problem(self) -> str:
        """Why this replica should get no requests; empty when it should."""
        return "it is stopping" if self._stopping else self.replica.problem()

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, and then until the requests under way are answered."""
        bounds = Bounds(
            self._settings.connections, self._settings.header_bytes, self._settings.header_seconds, self._metrics
        )
        server = make_server(self._app, bounds, drain_seconds=self._settings.drain_seconds)
        watching = asyncio.create_task(self.replica.run())
        serving = asyncio.create_task(server.serve(sockets=self._sockets))
        stopped = asyncio.create_task(stop.wait())
        log.info("serving", **self.ports)
        try:
            await asyncio.wait({watching, serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            self._stopping = True
            log.info("stopping")
            if stop.is_set():
                await asyncio.sleep(self._settings.grace_seconds)
            server.should_exit = True
            await serving
        finally:
            for task in (watching, serving, stopped):
                task.cancel()
            ended = await asyncio.gather(watching, serving, stopped, return_exceptions=True)
            self._close()
            await self.replica.leave()
        for result in ended:
            if isinstance(result, Exception):
                raise result

    def _listen(self, name: str, address: str) -> int:
        host, _, port = address.rpartition(":")
        made = listen(name, host, int(port))
        self._sockets.append(made)
        bound: int = made.getsockname()[1]
        return bound

    def _close(self) -> None:
        for each in self._sockets:
            each.close()

    def _exposition(self) -> bytes:
        jobs, runs = self.replica.known
        return self._metrics.text(jobs=jobs, runs=runs)


def _version(find: Callable[[str], str] = version) -> str:
    try:
        return find("crontask")
    except PackageNotFoundError:
        return ""
