"""The witness of HTTP calls: a server on 127.0.0.1 that answers as its path says and writes down what it got.

Started by `make up`; tests and benchmarks read `.cluster/receiver.jsonl`, one line for each request, with the
wall-clock time of its arrival in microseconds. Paths: `/status/NNN`, `/delay/SECONDS`, `/redirect?to=URL`,
`/big/BYTES`, `/flaky/KEY?fail=N` (503 for the first N requests with that key); anything else answers 200.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import TextIO

from aiohttp import web
from aiohttp.typedefs import Handler

_LONGEST = 300.0  # seconds that /delay waits at most
_BIGGEST = 100_000_000  # bytes that /big sends at most


class Receiver:
    """The server's state: where it writes, and how often each flaky key was asked for."""

    def __init__(self, record: TextIO) -> None:
        self._record = record
        self._flaky: Counter[str] = Counter()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=_BIGGEST, middlewares=[self._witness])
        app.router.add_route("*", "/status/{code:[2-5][0-9][0-9]}", self._status)
        app.router.add_route("*", r"/delay/{seconds:[0-9]+(\.[0-9]+)?}", self._delay)
        app.router.add_route("*", "/redirect", self._redirect)
        app.router.add_route("*", "/big/{bytes:[0-9]+}", self._big)
        app.router.add_route("*", "/flaky/{key}", self._answer_flaky)
        app.router.add_route("*", "/{path:.*}", self._echo)
        return app

    @web.middleware
    async def _witness(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        arrived = time.time_ns() // 1000
        body = await request.read()
        line = {"time_us": arrived, **_seen(request), "body": body[:10_000].decode(errors="replace")}
        self._record.write(json.dumps(line) + "\n")
        return await handler(request)

    async def _echo(self, request: web.Request) -> web.Response:
        return web.json_response(_seen(request))

    async def _status(self, request: web.Request) -> web.Response:
        code = int(request.match_info["code"])
        return web.Response(status=code) if code in (204, 304) else web.json_response(_seen(request), status=code)

    async def _delay(self, request: web.Request) -> web.Response:
        await asyncio.sleep(min(float(request.match_info["seconds"]), _LONGEST))
        return await self._echo(request)

    async def _redirect(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.query.get("to", "/")})

    async def _big(self, request: web.Request) -> web.Response:
        return web.Response(body=b"x" * min(int(request.match_info["bytes"]), _BIGGEST), content_type="text/plain")

    async def _answer_flaky(self, request: web.Request) -> web.Response:
        key, text = request.match_info["key"], request.query.get("fail", "1")
        if not text.isdecimal():
            return web.Response(status=400, text=f"fail={text!r} is no number: use fail=N")
        fail = int(text)
        self._flaky[key] += 1
        return web.json_response(_seen(request), status=503 if self._flaky[key] <= fail else 200)


def _seen(request: web.Request) -> dict[str, object]:
    return {"method": request.method, "path": request.path_qs, "headers": dict(request.headers)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--record", type=Path, required=True, help="file to append one JSON line a request to")
    options = parser.parse_args()
    with options.record.open("a", buffering=1) as record:
        app = Receiver(record).application()
        web.run_app(app, host="127.0.0.1", port=options.port, backlog=4096, access_log=None, print=None)


if __name__ == "__main__":
    main()
