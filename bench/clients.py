"""What one POST of a small Pod costs in client CPU, by client library.

    python bench/clients.py [--requests 200] [--rounds 25] [--uvloop]

A dummy API server in a process of its own answers each POST on a loopback port
with the same 2.3 KB Pod; 32 requests are in flight at once. Printed is the
client process's CPU time per request, the least of many short rounds: other load
on the machine only ever adds. The decision that rests on it is
`docs/decisions/0003-kubernetes-client.md`.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import orjson
import uvloop
from kubernetes.aio import client as official

from crontask_kube.client import ApiClient
from crontask_kube.clock import SystemClock
from crontask_kube.connection import Connection
from crontask_kube.resources import PODS

IN_FLIGHT = 32
ANSWER_BYTES = 2300
LONGEST_RUN = 300.0
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "report-20260301120000-1",
        "namespace": "default",
        "labels": {"crontask.dev/managed": "true", "crontask.dev/task": "report"},
        "ownerReferences": [
            {
                "apiVersion": "crontask.dev/v1beta1",
                "kind": "CronTaskExecution",
                "name": "report-20260301120000",
                "uid": "u",
            }
        ],
    },
    "spec": {
        "restartPolicy": "Never",
        "containers": [
            {
                "name": "main",
                "image": "busybox",
                "env": [{"name": "CRONTASK_TASK", "value": "report"}],
                "args": ["true"],
            }
        ],
    },
}
Post = Callable[[int], Awaitable[object]]


def named(number: int) -> dict[str, Any]:
    return POD | {"metadata": POD["metadata"] | {"name": f"report-{number}"}}


class Answers(asyncio.Protocol):
    """Answers each complete request with the same bytes; understands nothing but Content-Length."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            start = head.find(b"content-length:") + 15
            length = int(head[start:].split(b"\r\n")[0])
            if len(self._rest) < end + 4 + length:
                return
            self._rest = self._rest[end + 4 + length :]
            assert isinstance(self._transport, asyncio.Transport)
            self._transport.write(self._answer)


async def serve() -> None:
    """Prints its port, then answers until its standard input ends, which it does with its parent."""
    body = orjson.dumps(POD | {"status": {"filler": "x" * (ANSWER_BYTES - len(orjson.dumps(POD)) - 25)}})
    head = f"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answers(head.encode() + body), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@asynccontextmanager
async def bare(url: str) -> AsyncIterator[Post]:
    """What aiohttp and orjson cost with nothing around them."""
    target, headers = f"{url}/api/v1/namespaces/default/pods", {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:

        async def post(number: int) -> object:
            async with session.post(target, data=orjson.dumps(named(number)), headers=headers) as response:
                return orjson.loads(await response.read())

        yield post


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Post]:
    client = ApiClient(Connection(url), clock=SystemClock(), limit=IN_FLIGHT, observe=lambda call: None)
    yield lambda number: client.create(PODS, "default", named(number))
    await client.close()


@asynccontextmanager
async def official_api(url: str) -> AsyncIterator[Any]:
    configuration = official.Configuration(host=url)
    configuration.connection_pool_maxsize = IN_FLIGHT
    async with official.ApiClient(configuration) as api:
        yield api


@asynccontextmanager
async def official_bytes(url: str) -> AsyncIterator[Post]:
    """`kubernetes.aio` at its lowest level. It encodes what is declared as JSON itself, so bytes go as YAML."""
    target, headers = f"{url}/api/v1/namespaces/default/pods", {"Content-Type": "application/yaml"}
    async with official_api(url) as api:

        async def post(number: int) -> object:
            data = orjson.dumps(named(number))
            answer = await api.rest_client.request("POST", target, headers=dict(headers), body=data)
            return orjson.loads(await answer.read())

        yield post


@asynccontextmanager
async def official_raw(url: str) -> AsyncIterator[Post]:
    """`kubernetes.aio` with a dict and an undecoded answer."""
    json_header = {"Content-Type": "application/json", "Accept": "application/json"}
    async with official_api(url) as api:

        async def post(number: int) -> object:
            asked = await api.param_serialize(
                method="POST",
                resource_path="/api/v1/namespaces/{namespace}/pods",
                path_params={"namespace": "default"},
                header_params=dict(json_header),
                body=named(number),
                auth_settings=["BearerToken"],
            )
            return orjson.loads(await (await api.call_api(*asked)).read())

        yield post


@asynccontextmanager
async def official_typed(url: str) -> AsyncIterator[Post]:
    """`kubernetes.aio` as its documentation shows it."""
    async with official_api(url) as api:
        core = official.CoreV1Api(api)

        async def post(number: int) -> object:
            pod = official.V1Pod.from_dict(named(number))
            assert pod is not None, "only no body makes no pod"
            return await core.create_namespaced_pod("default", pod)

        yield post


CLIENTS = {
    "bare aiohttp + orjson": bare,
    "crontask_kube.client": ours,
    "kubernetes.aio, bytes": official_bytes,
    "kubernetes.aio, dict": official_raw,
    "kubernetes.aio, typed": official_typed,
}


async def burst(post: Post, requests: int) -> None:
    """All requests, never more than IN_FLIGHT at once."""
    numbers = iter(range(requests))

    async def worker() -> None:
        for number in numbers:
            await post(number)

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def measure(url: str, requests: int, rounds: int) -> dict[str, float]:
    """CPU microseconds per request; rounds of all clients take turns, so that a busy minute hits each."""
    least = dict.fromkeys(CLIENTS, float("inf"))
    async with AsyncExitStack() as stack, asyncio.timeout(LONGEST_RUN):
        posts = {name: await stack.enter_async_context(made(url)) for name, made in CLIENTS.items()}
        for post in posts.values():
            await burst(post, 200)
        for _ in range(rounds):
            for name, post in posts.items():
                started = time.process_time()
                await burst(post, requests)
                least[name] = min(least[name], (time.process_time() - started) / requests * 1e6)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description="Client CPU per POST of a Pod.")
    parser.add_argument("--requests", type=int, default=200, help="of each client in each round")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--uvloop", action="store_true", help="use the operator's event loop")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if options.uvloop else None) as runner:
            least = runner.run(measure(url, options.requests, options.rounds))
        assert server.stdin is not None
        server.stdin.close()
    for name, microseconds in least.items():
        print(f"{name:24} {microseconds:6.0f} µs  {microseconds / least['bare aiohttp + orjson']:.2f}")


if __name__ == "__main__":
    main()
