"""What an execution's record costs: written whole (one request), or created and then patched at its status (two).

    KUBECONFIG=.cluster/kubeconfig python bench/executions.py [--objects 500] [--in-flight 32] [--rounds 3]

Two copies of the CronTaskExecution definition, one with a status subresource and
one without, are installed in a group of their own, filled by turns, and taken away
again. An object stands for a short run that has ended: one attempt, 1 KB of
output. The decision that rests on it is `docs/decisions/0002-executions-written-whole.md`.
"""

import argparse
import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import uvloop

from crontask_core.crd.catalogue import EXECUTIONS
from crontask_core.crd.resource import crd
from crontask_core.manifests import execution_body
from crontask_core.model import Attempt, ExecutionStatus
from crontask_core.names import VERSION, Key, execution_name
from crontask_kube.client import ApiClient
from crontask_kube.clock import SystemClock
from crontask_kube.config import load
from crontask_kube.errors import NotFound
from crontask_kube.resources import Resource

GROUP = "executions.bench.crontask.dev"
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False)
NAMESPACE = "default"
FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEADLINE = 30.0
OUTPUT = "One line of what the run has printed, as a log holds it.\n" * 18


@asynccontextmanager
async def installed(api: ApiClient, plural: str, *, subresource: bool) -> AsyncIterator[Resource]:
    """A copy of the definition under another name, there until the end."""
    body = crd(replace(EXECUTIONS, status_subresource=subresource))
    name = f"{plural}.{GROUP}"
    body["metadata"]["name"], body["spec"]["group"] = name, GROUP
    words = {"plural": plural, "singular": plural[:-1], "kind": plural.title(), "listKind": f"{plural.title()}List"}
    body["spec"]["names"] = words
    resource = Resource(GROUP, VERSION, plural)
    await api.apply(CRDS, None, name, body)
    try:
        await _served(api, resource)
        yield resource
    finally:
        await api.delete(CRDS, None, name)


async def _served(api: ApiClient, resource: Resource) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await api.list(resource, NAMESPACE)
            except NotFound:
                await asyncio.sleep(0.1)
            else:
                return


def record(number: int, kind: Resource) -> dict[str, Any]:
    """The record of one short run."""
    at = FIRST + timedelta(seconds=number)
    end = at + timedelta(milliseconds=300)
    attempt = Attempt(
        number=1, started_at=at, finished_at=end, reason="Completed", pod=f"report-{number}-1", node="n", exit_code=0
    )
    status = ExecutionStatus(
        phase="Succeeded", reason="Completed", started_at=at, finished_at=end, lateness_milliseconds=12,
        attempts=[attempt], output=OUTPUT, output_truncated=False,
    )  # fmt: skip
    key = Key(NAMESPACE, execution_name("report", at))
    task = Key(NAMESPACE, "report")
    # The owner does not exist; the garbage collector must not be given work that is measured along.
    body = execution_body(key, task=task, uid="none", trigger="Schedule", scheduled_at=at, status=status)
    del body["metadata"]["ownerReferences"]
    return body | {"apiVersion": kind.api_version, "kind": kind.plural.title()}


async def fill(api: ApiClient, kind: Resource, numbers: range, *, whole: bool) -> list[float]:
    """Writes the records all at once (the client bounds what is in flight); seconds until each was complete."""
    began = time.perf_counter()

    async def write(number: int) -> float:
        body = record(number, kind)
        status = None if whole else body.pop("status")
        await api.create(kind, NAMESPACE, body)
        if status is not None:
            name = body["metadata"]["name"]
            await api.patch(kind, NAMESPACE, name, {"status": status}, subresource="status")
        return time.perf_counter() - began

    return sorted(await asyncio.gather(*map(write, numbers)))


async def main(objects: int, in_flight: int, rounds: int) -> None:
    clock = SystemClock()
    connection = await load(dict(os.environ), clock=clock, kubeconfig=os.environ.get("KUBECONFIG"))
    api = ApiClient(connection, clock=clock, limit=in_flight)
    try:
        async with (
            installed(api, "wholes", subresource=False) as one,
            installed(api, "parts", subresource=True) as two,
        ):
            print(f"{'round':<6} {'written':<22}{'all s':>8}{'p50 s':>8}{'per second':>12}{'CPU µs':>8}")
            for turn in range(rounds):
                for kind, whole in ((one, True), (two, False)):
                    cpu = time.process_time()
                    took = await fill(api, kind, range(turn * objects, (turn + 1) * objects), whole=whole)
                    cpu = (time.process_time() - cpu) / objects * 1e6
                    name = "whole, 1 write" if whole else "status apart, 2 writes"
                    half = took[objects // 2]
                    print(f"{turn:<6} {name:<22}{took[-1]:>8.2f}{half:>8.2f}{objects / took[-1]:>12.0f}{cpu:>8.0f}")
    finally:
        await api.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=500)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    uvloop.run(main(options.objects, options.in_flight, options.rounds))
