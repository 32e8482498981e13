"""/healthz, /readyz and /metrics on the port of their own, served by the same server as the dialects."""

from collections.abc import Callable

from crontask_gateway.app import Scope
from crontask_gateway.http import Reply
from crontask_gateway.metrics import CONTENT_TYPE

TEXT = (("Content-Type", "text/plain; charset=utf-8"),)


class Management:
    """Answers what comes to its port; the two answers come from the callables that it is given."""

    def __init__(self, *, ready: Callable[[], str], metrics: Callable[[], bytes]) -> None:
        """`ready` returns why this replica is not; empty when it is."""
        self._ready, self._metrics = ready, metrics
        self.port = 0

    def __call__(self, scope: Scope) -> Reply | None:
        """The reply, or None for a request to another port."""
        if (scope.get("server") or ("", 0))[1] != self.port:
            return None
        if scope["method"] not in {"GET", "HEAD"}:
            return Reply(405, b"only GET is served here\n", (*TEXT, ("Allow", "GET, HEAD")))
        match scope["path"]:
            case "/healthz":
                return Reply(200, b"ok\n", TEXT)
            case "/readyz":
                problem = self._ready()
                return Reply(503 if problem else 200, f"{problem or 'ok'}\n".encode(), TEXT)
            case "/metrics":
                return Reply(200, self._metrics(), (("Content-Type", CONTENT_TYPE),))
            case _:
                return Reply(404, b"there are /healthz, /readyz and /metrics\n", TEXT)
