"""/healthz, /readyz and /metrics on one port.

Alive means that the scheduler's loop still comes round; ready means that this
replica leads with a complete index, or stands by while another one leads.
"""

from collections.abc import Callable

from aiohttp import web

STALE_SECONDS = 15.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """A small HTTP server; the three answers come from the callables that it is given."""

    def __init__(
        self, address: str, *, idle_seconds: Callable[[], float], ready: Callable[[], str], metrics: Callable[[], bytes]
    ) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._idle_seconds, self._ready, self._metrics = idle_seconds, ready, metrics
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begins to serve; raises OSError where the port is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._serve_metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def close(self) -> None:
        """Stops serving."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        idle = self._idle_seconds()
        if idle > STALE_SECONDS:
            return web.Response(status=503, text=f"the scheduler has not come round for {idle:.0f} s\n")
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        problem = self._ready()
        return web.Response(status=503 if problem else 200, text=f"{problem or 'ok'}\n")

    async def _serve_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": CONTENT_TYPE})
