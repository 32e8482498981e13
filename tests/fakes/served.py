"""A dialect as its clients see it: the gateway's application in this process, without sockets or a client library.

A library would tidy paths and headers up, and some tests are of those that are not tidy.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fakes.stages import MemoryStage, Stage

from crontask_gateway.app import App, Limits
from crontask_gateway.deps import Deps
from crontask_gateway.dialects.shape import Dialect
from crontask_gateway.limits import Gate
from crontask_gateway.metrics import Metrics
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.pipeline import Mounted
from crontask_gateway.principal import Access
from crontask_gateway.server import Bounds, listen, make_server

OPEN = Access("default", open=True)
COMMON_PORT, PREFIX = 8000, "/prefix"


@dataclass(frozen=True)
class Answer:
    """What a client receives; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A dialect on its own port and under a prefix of the common one; `stage` plays operator and kubectl."""

    def __init__(
        self,
        dialect: Dialect,
        stage: Stage | None = None,
        *,
        access: Access = OPEN,
        others: bool = False,
        **options: Any,
    ) -> None:
        self.stage: Stage = stage or MemoryStage()
        clock = self.stage.clock
        deps = Deps(
            store=self.stage.store,
            clock=clock,
            access=access,
            options=dialect.options.model_validate(options),
            node="gw",
            version="1.2.3",
            others=others,
        )
        self._dialect, self._metrics, self._mounted = dialect, Metrics(), Mounted(dialect, deps, Gate())
        self._app = App(limits=Limits(16_777_216, 5.0, 5.0), metrics=self._metrics, clock=clock)
        self._app.sites = {dialect.port: {"": self._mounted}, COMMON_PORT: {PREFIX: self._mounted}}

    def naming(self, ident: str) -> Naming:
        """The job of that id."""
        return Naming(Scope("default", self._dialect.name), ident)

    async def ask(self, method: str, target: str, body: Any = None, *, port: int = 0, **headers: str) -> Answer:
        """Sends `body`: bytes as they are, anything else but None as JSON. No header is sent that is not told."""
        path, _, query = target.partition("?")
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        told = {"host": "gateway"} | {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in told.items()]
            + [(b"content-length", str(len(content)).encode())],
            "server": ("gateway", port or self._dialect.port),
            "client": ("10.0.0.1", 40_000),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        start, end = sent
        found = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], found, end["body"])

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """On a port of the loopback, for client libraries; gives `host:port`."""
        with listen("port", "127.0.0.1", 0) as sock:
            port: int = sock.getsockname()[1]
            self._app.sites = {**self._app.sites, port: {"": self._mounted}}
            server = make_server(self._app, Bounds(50, 8_192, 5.0, self._metrics), drain_seconds=1.0)
            serving = asyncio.create_task(server.serve(sockets=[sock]))
            try:
                yield f"127.0.0.1:{port}"
            finally:
                server.should_exit = True
                await serving
