"""Two replicas of the gateway in virtual time: what one has answered the other one shows, or it says that it cannot."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from fakes.apiserver import FakeApiServer
from fakes.direct import DirectApi
from fakes.stages import LEASES_IN, until
from fakes.world import VirtualClock

from crontask_core.names import Key
from crontask_gateway.errors import Conflict, Unavailable, Unknown
from crontask_gateway.leases import FLAGS_LEASE, GATEWAY_LEASE
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.replica import Replica
from crontask_gateway.store import Change, Job
from crontask_kube.client import Event
from crontask_kube.resources import EXECUTIONS, LEASES, TASKS, Resource

pytestmark = pytest.mark.looptime

SCOPE = Scope("default", "dkron")
A = Naming(SCOPE, "a")


class HeldApi(DirectApi):
    """Whose watches can be held back, by kind."""

    def __init__(self, server: FakeApiServer) -> None:
        super().__init__(server)
        self._go: dict[tuple[str, str], asyncio.Event] = {}

    def hold(self, resource: Resource, event: str = "") -> asyncio.Event:
        """Events of a kind (of one type, or all) wait until the returned one is set, and so do those behind them."""
        return self._go.setdefault((resource.plural, event), asyncio.Event())

    async def watch(self, resource: Resource, *arguments: Any, **options: Any) -> AsyncGenerator[Event, None]:
        async for event in super().watch(resource, *arguments, **options):
            for kind in ("", event.type):
                if (go := self._go.get((resource.plural, kind))) is not None:
                    await go.wait()
            yield event


class Gateway:
    """One replica, and its way to the API server."""

    def __init__(self, server: FakeApiServer, clock: VirtualClock, identity: str) -> None:
        self.api = HeldApi(server)
        self.replica = Replica(
            self.api.client(),
            clock,
            namespaces=["default"],
            dialects=["dkron"],
            lease_namespace=LEASES_IN,
            identity=identity,
            cache_bytes=100_000,
        )
        self.store = self.replica.store


class Cluster:
    """An API server, and the replicas that work on it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.server = FakeApiServer(self.clock)

    @asynccontextmanager
    async def gateway(self, identity: str) -> AsyncIterator[Gateway]:
        made = Gateway(self.server, self.clock, identity)
        async with self.running(made):
            await self.ready(made)
            yield made

    async def ready(self, gateway: Gateway) -> None:
        async with asyncio.timeout(20):
            await until(lambda: not gateway.replica.problem())

    @asynccontextmanager
    async def running(self, gateway: Gateway) -> AsyncIterator[None]:
        running = asyncio.create_task(gateway.replica.run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    @asynccontextmanager
    async def pair(self) -> AsyncIterator[tuple[Gateway, Gateway]]:
        async with self.gateway("one") as one, self.gateway("two") as two:
            yield one, two

    def asked(self, verb: str, resource: Resource) -> int:
        return len(self.server.seen(verb, resource))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def change(**document: Any) -> Any:
    return lambda was: Change({"schedule": "@hourly", "pod": {"image": "busybox"}}, document)


async def test_a_write_of_one_is_read_at_the_other_as_soon_as_it_is_answered(cluster: Cluster) -> None:
    async with cluster.pair() as (one, two):
        for number in range(20):
            await one.store.put(A, change(n=number))
            assert (await two.store.describe(A.key)).document == {"n": number}
            await two.store.put(A, change(m=number))
            assert [job.document for job in await one.store.jobs(SCOPE)] == [{"m": number}]


async def test_a_read_waits_for_a_watch_that_is_late(cluster: Cluster) -> None:
    async with cluster.pair() as (one, two):
        go = two.api.hold(TASKS)
        await one.store.put(A, change(n=1))
        reading = asyncio.create_task(two.store.describe(A.key))
        await asyncio.sleep(1.0)
        assert not reading.done()
        go.set()
        assert (await reading).document == {"n": 1}


async def test_a_read_says_so_where_its_watch_does_not_come(cluster: Cluster) -> None:
    async with cluster.pair() as (one, two):
        two.api.hold(TASKS)
        await one.store.put(A, change())
        began = cluster.clock.monotonic()
        with pytest.raises(Unavailable, match="has not caught up"):
            await two.store.describe(A.key)
        assert cluster.clock.monotonic() - began == pytest.approx(2.0, abs=0.1)


async def test_a_read_of_what_nobody_has_written_waits_for_nothing(cluster: Cluster) -> None:
    async with cluster.pair() as (one, two):
        two.api.hold(TASKS)
        await one.store.set_flag("dkron.paused", True)
        began = cluster.clock.monotonic()
        with pytest.raises(Unknown):
            await two.store.describe(A.key)
        assert cluster.clock.monotonic() - began < 0.1


async def test_a_removed_job_is_gone_at_the_other_though_its_watch_is_late(cluster: Cluster) -> None:
    async with cluster.pair() as (one, two):
        await one.store.put(A, change())
        await two.store.describe(A.key)
        two.api.hold(TASKS, "DELETED")
        await one.store.remove(A.key)
        with pytest.raises(Unknown):
            await two.store.describe(A.key)
        assert list(await two.store.jobs(SCOPE)) == []


async def test_what_was_about_to_be_removed_and_was_not_is_still_there(cluster: Cluster) -> None:
    async with cluster.pair() as (one, two):
        await one.store.put(A, change(n=1))
        cluster.server.edit(TASKS, A.name, {"metadata": {"annotations": {"crontask.dev/removing": "true"}}})
        await asyncio.sleep(0.1)
        assert (await two.store.describe(A.key)).document == {"n": 1}
        assert len(await one.store.jobs(SCOPE)) == 1
        await two.store.put(A, change(n=2))
        marks = cluster.server.object(TASKS, A.name)["metadata"]["annotations"]
        assert "crontask.dev/removing" not in marks


async def test_runs_and_what_was_forgotten_are_seen_at_the_other(cluster: Cluster) -> None:
    async with cluster.pair() as (one, two):
        await one.store.put(A, change())
        run = await one.store.trigger(A.key)
        assert [each.key for each in await two.store.runs(A.key)] == [run.key]
        cluster.server.edit(EXECUTIONS, run.key.name, {"status": {"phase": "Succeeded"}})
        await asyncio.sleep(0.1)
        await one.store.forget(A.key)
        two.api.hold(EXECUTIONS)
        assert list(await two.store.runs(A.key)) == []


async def test_one_alone_neither_notes_nor_asks(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        await asyncio.sleep(2)
        before = cluster.asked("list", LEASES), cluster.asked("create", TASKS)
        for _ in range(10):
            await one.store.put(A, change())
            await one.store.describe(A.key)
        await one.store.remove(A.key)
        assert (cluster.asked("list", LEASES), cluster.asked("create", TASKS)) == (before[0], before[1] + 1)
        assert all(
            not request.body.get("metadata", {}).get("annotations", {}).get("crontask.dev/removing")
            for request in cluster.server.seen("patch", TASKS)
        )


async def test_many_reads_share_one_list_and_many_writes_one_note(cluster: Cluster) -> None:
    async with cluster.pair() as (one, two):
        await one.store.put(A, change())
        lists = cluster.asked("list", LEASES)
        await asyncio.gather(*(two.store.describe(A.key) for _ in range(50)))
        assert cluster.asked("list", LEASES) - lists <= 2
        notes = cluster.asked("patch", LEASES)
        await asyncio.gather(*(one.store.put(Naming(SCOPE, f"b{n}"), change()) for n in range(50)))
        assert cluster.asked("patch", LEASES) - notes <= 6
        assert len(await two.store.jobs(SCOPE)) == 51


async def test_a_newcomer_shows_what_was_written_without_a_note(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        await asyncio.sleep(2)
        joining = asyncio.create_task(_joined(cluster))
        for number in range(400):  # writes all the while, some before `one` knows of the newcomer
            await one.store.put(A, change(n=number))
            await asyncio.sleep(0.01)
            if joining.done():
                break
        assert (await joining).document["n"] >= number - 5


async def _joined(cluster: Cluster) -> Job:
    async with cluster.gateway("two") as two:
        return await two.store.describe(A.key)


async def test_a_newcomer_waits_until_nobody_believes_to_be_alone_any_more(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        await asyncio.sleep(2)
        one.api.hold(LEASES)  # so it does not hear of the newcomer
        newcomer = Gateway(cluster.server, cluster.clock, "two")
        newcomer.api.hold(TASKS)
        async with cluster.running(newcomer):
            await asyncio.sleep(1.2)
            assert one.replica.freshness.peers.alone()
            await one.store.put(A, change(n=1))
            assert newcomer.replica.problem()
            await cluster.ready(newcomer)
            assert not one.replica.freshness.peers.alone()
            assert (await newcomer.store.describe(A.key)).document == {"n": 1}


async def test_a_newcomer_whose_lease_is_deleted_waits_anew(cluster: Cluster) -> None:
    async with cluster.gateway("one"):
        newcomer = Gateway(cluster.server, cluster.clock, "two")
        async with cluster.running(newcomer):
            began = cluster.clock.monotonic()
            await asyncio.sleep(2)
            cluster.server.remove(LEASES, f"{GATEWAY_LEASE}two", LEASES_IN)
            await cluster.ready(newcomer)
            assert cluster.clock.monotonic() - began > 6


async def test_one_that_does_not_hear_of_itself_asks_although_it_is_alone(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        one.api.hold(LEASES)
        await asyncio.sleep(10)
        lists = cluster.asked("list", LEASES)
        with pytest.raises(Unknown):
            await one.store.describe(A.key)
        assert cluster.asked("list", LEASES) == lists + 1


async def test_one_whose_lease_is_gone_serves_nothing_until_it_has_joined_again(cluster: Cluster) -> None:
    async with cluster.pair() as (one, two):
        await one.store.put(A, change())
        cluster.server.remove(LEASES, f"{GATEWAY_LEASE}two", LEASES_IN)
        with pytest.raises(Unavailable):
            await two.store.describe(A.key)
        async with asyncio.timeout(20):
            await until(lambda: bool(two.replica.problem()))
            await until(lambda: not two.replica.problem())
        assert (await two.store.describe(A.key)).id == "a"


async def test_the_lease_of_one_that_died_is_swept_and_the_other_is_alone(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        async with cluster.gateway("two"):
            assert not one.replica.freshness.peers.alone()
        await asyncio.sleep(30)
        assert not one.replica.freshness.peers.alone()  # it may only be slow
        await asyncio.sleep(40)
        assert one.replica.freshness.peers.alone()
        assert [body["metadata"]["name"] for body in cluster.server.all(LEASES)] == [f"{GATEWAY_LEASE}one"]


async def test_who_leaves_is_waited_for_no_longer(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        async with cluster.gateway("two") as two:
            await two.store.put(A, change(n=1))
        await two.replica.leave()
        await asyncio.sleep(1)
        assert one.replica.freshness.peers.alone()
        assert (await one.store.describe(A.key)).document == {"n": 1}


async def test_a_write_that_cannot_be_noted_says_so(cluster: Cluster) -> None:
    async with cluster.pair() as (one, _):
        cluster.server.fail("patch", LEASES, times=50)
        with pytest.raises(Unavailable, match="it is written"):
            await one.store.put(A, change())
        cluster.server.heal()
        assert (await one.store.describe(A.key)).id == "a"


async def test_switches_are_shared_and_outlive_the_replicas(cluster: Cluster) -> None:
    async with cluster.pair() as (one, two):
        await one.store.set_flag("dkron.paused", True)
        assert await two.store.flag("dkron.paused")
        await two.store.set_flag("dkron.paused", False)
        assert not await one.store.flag("dkron.paused")
        await one.store.set_flag("dkron.paused", True)
    async with cluster.gateway("three") as three:
        assert await three.store.flag("dkron.paused")
    assert cluster.server.object(LEASES, FLAGS_LEASE, LEASES_IN)


async def test_a_replica_that_is_alone_asks_nobody_for_the_switches(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        listed = cluster.asked("list", LEASES)
        go = one.api.hold(LEASES)
        for on in (True, False, True):
            await one.store.set_flag("dkron.paused", on)
            assert await one.store.flag("dkron.paused") is on
        go.set()
        patch = {"metadata": {"annotations": {"crontask.dev/flag.dkron.paused": None}}}
        await one.api.client().patch(LEASES, LEASES_IN, FLAGS_LEASE, patch)  # somebody at kubectl
        await asyncio.sleep(1)
        assert not await one.store.flag("dkron.paused")
        assert cluster.asked("list", LEASES) == listed


async def test_a_replica_that_hears_nothing_of_the_switches_asks_for_them(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        await one.store.set_flag("dkron.paused", True)
        one.api.hold(LEASES)
        await asyncio.sleep(4)
        listed = cluster.asked("list", LEASES)
        assert await one.store.flag("dkron.paused")
        assert cluster.asked("list", LEASES) == listed + 1
        cluster.server.fail("list", LEASES, times=50)
        with pytest.raises(Unavailable, match="the switches cannot be read"):
            await one.store.flag("dkron.paused")
        cluster.server.heal()


async def test_an_event_that_comes_late_undoes_no_write_of_ones_own(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        go = one.api.hold(TASKS)
        for number in range(5):
            await one.store.put(A, change(n=number))
        assert (await one.store.describe(A.key)).document == {"n": 4}
        go.set()
        seen = set()
        for _ in range(50):
            seen.add((await one.store.describe(A.key)).document["n"])
            await asyncio.sleep(0.002)
        assert seen == {4}


async def test_what_was_removed_does_not_come_back_with_late_events(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        go = one.api.hold(TASKS)
        await one.store.put(A, change())
        await one.store.remove(A.key)
        go.set()
        for _ in range(50):
            assert list(await one.store.jobs(SCOPE)) == []
            await asyncio.sleep(0.002)
        await one.store.put(A, change(n=2))
        assert (await one.store.describe(A.key)).document == {"n": 2}


async def test_a_kubectl_edit_between_read_and_write_is_kept(cluster: Cluster) -> None:
    async with cluster.gateway("one") as one:
        await one.store.put(A, change())
        go = one.api.hold(TASKS)
        cluster.server.edit(TASKS, A.name, {"spec": {"suspend": True}})
        job = await one.store.change(A.key, lambda was: Change(was.spec | {"schedule": "@daily"}, was.document))
        assert (job.spec["suspend"], job.spec["schedule"]) == (True, "@daily")
        go.set()


async def test_somebody_elses_task_of_the_name_is_left_alone(cluster: Cluster) -> None:
    body = {"metadata": {"name": A.name}, "spec": {"schedule": "@daily", "pod": {"image": "x"}}}
    cluster.server.put(TASKS, body)
    async with cluster.gateway("one") as one:
        with pytest.raises(Conflict, match="somebody else's"):
            await one.store.put(A, change())
        assert cluster.server.object(TASKS, A.name)["spec"]["schedule"] == "@daily"
        with pytest.raises(Unknown):
            await one.store.describe(Key("default", A.name))
