"""How soon N calls that are all due at once are received, and what each costs: our executor beside HTTP clients.

    python bench/http_calls.py [--calls 1000] [--rounds 5]

A server in a process of its own stamps each request as it arrives (CLOCK_MONOTONIC is one
clock for all processes). Clients take turns round by round, so that other load on the
machine meets all of them; the table shows the least of the rounds, since other load only ever
adds. `httpx` (0.28) is measured where it is installed; the project does not need it. The
decision that rests on it is docs/decisions/0004-http-client.md.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from ipaddress import ip_network
from multiprocessing.connection import Connection

import aiohttp
import httpx2
import uvloop

from crontask_core.egress import EgressPolicy
from crontask_core.httpcall import HttpRequest
from crontask_operator.executors.http import HttpExecutor

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
HEADERS = {"Idempotency-Key": "report-1", "CronTask-Attempt": "1", "User-Agent": "crontask"}
Call = Callable[[], Awaitable[object]]
Client = Callable[[str, int], AbstractAsyncContextManager[Call]]


class Stamp(asyncio.Protocol):
    """Answers any request; notes when it came."""

    stamps: list[float] = []  # noqa: RUF012 - one list for the whole process

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.stamps.append(time.monotonic())
        self.transport.write(ANSWER)  # type: ignore[attr-defined]
        self.transport.close()


def serve(pipe: Connection) -> None:
    """The server's process: sends its port, then after each signal what it stamped since the one before."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Stamp, "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])

        def report() -> None:
            pipe.recv()
            pipe.send(list(Stamp.stamps))
            Stamp.stamps.clear()

        loop.add_reader(pipe.fileno(), report)
        await asyncio.Event().wait()

    uvloop.run(main())


@asynccontextmanager
async def executor(url: str, limit: int) -> AsyncIterator[Call]:
    made = HttpExecutor(policy=EgressPolicy.standard(allow=[ip_network("127.0.0.0/8")]), limit=limit)
    request = HttpRequest("GET", url, headers=tuple(HEADERS.items()))
    yield lambda: made.call(request)
    await made.close()


def httpx_like(module: object) -> Client:
    @asynccontextmanager
    async def client(url: str, limit: int) -> AsyncIterator[Call]:
        slots = asyncio.Semaphore(limit)
        limits = module.Limits(max_connections=limit, max_keepalive_connections=0)  # type: ignore[attr-defined]
        async with module.AsyncClient(trust_env=False, limits=limits) as made:  # type: ignore[attr-defined]

            async def call() -> None:
                async with slots:
                    await made.get(url, headers=HEADERS)

            yield call

    return client


@asynccontextmanager
async def with_aiohttp(url: str, limit: int) -> AsyncIterator[Call]:
    slots = asyncio.Semaphore(limit)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as session:

        async def call() -> None:
            async with slots, session.get(url, headers=HEADERS) as answer:
                await answer.read()

        yield call


async def measure(call: Call, calls: int, pipe: Connection) -> tuple[float, float, float]:
    """Seconds until half and until 99 % were received, and microseconds of CPU a call."""
    cpu, started = time.process_time(), time.monotonic()
    await asyncio.gather(*[call() for _ in range(calls)])
    cpu = time.process_time() - cpu
    pipe.send(None)
    stamps = sorted(pipe.recv())
    if len(stamps) != calls:
        raise SystemExit(f"{len(stamps)} of {calls} calls were received")
    return stamps[calls // 2] - started, stamps[calls * 99 // 100] - started, cpu / calls * 1e6


async def main(calls: int, rounds: int, pipe: Connection) -> None:
    url = f"http://127.0.0.1:{pipe.recv()}/"
    clients: dict[tuple[str, int], Client] = {("executor", limit): executor for limit in (50, 100, 200, 500, 1000)}
    clients |= {("httpx2", limit): httpx_like(httpx2) for limit in (50, 200)}
    clients |= {("aiohttp", limit): with_aiohttp for limit in (50, 200)}
    try:
        import httpx  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        print("httpx 0.28 is not installed: left out")
    else:
        clients |= {("httpx 0.28", limit): httpx_like(httpx) for limit in (50, 200)}
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {each: [] for each in clients}
    async with AsyncExitStack() as stack:
        ready = {each: await stack.enter_async_context(client(url, each[1])) for each, client in clients.items()}
        for _ in range(rounds):
            for each, call in ready.items():
                found[each].append(await measure(call, calls, pipe))
    print(f"{'client':<12}{'slots':>6}{'p50 s':>8}{'p99 s':>8}{'CPU µs/call':>13}")
    for (name, limit), rows in found.items():
        half, nearly_all, cpu = (min(column) for column in zip(*rows, strict=True))
        print(f"{name:<12}{limit:>6}{half:>8.2f}{nearly_all:>8.2f}{cpu:>13.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    uvloop.run(main(options.calls, options.rounds, ours))
    server.terminate()
