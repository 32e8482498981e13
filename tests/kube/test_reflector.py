"""The reflector on the fake API server: what it tells, and what it does when that is busy, broken or forgetful."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock

from crontask_core.names import Key
from crontask_kube.client import ApiClient
from crontask_kube.connection import Connection
from crontask_kube.reflector import LONGEST_PAUSE, Reflector
from crontask_kube.resources import PODS

SELECTOR = "kind=ours"


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"kind": "ours", **labels}}}


class Witness:
    """A follower that keeps what it was told, and knows what it believes to exist."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, str]] = []
        self.lost: list[str] = []
        self._known: set[Key] = set()

    def known(self, plural: str) -> set[Key]:
        assert plural == PODS.plural
        return set(self._known)

    def receive(self, plural: str, event: str | None, body: dict[str, Any]) -> None:
        key = Key(body["metadata"]["namespace"], body["metadata"]["name"])
        self.told.append((event, key.name))
        (self._known.discard if event == "DELETED" else self._known.add)(key)

    def missing(self, plural: str, keys: set[Key]) -> None:
        self.lost += sorted(key.name for key in keys)
        self._known -= keys

    @property
    def names(self) -> set[str]:
        return {key.name for key in self._known}


class Follow:
    """A reflector at work; its pauses are kept instead of slept."""

    def __init__(self, connection: Connection, clock: ManualClock, **options: Any) -> None:
        self.witness, self.pauses = Witness(), list[float]()
        self.api = ApiClient(connection, clock=clock, sleep=clock.sleep)
        self.reflector = Reflector(
            self.api,
            PODS,
            self.witness,
            clock=clock,
            label_selector=SELECTOR,
            sleep=self._sleep,
            jitter=lambda: 1.0,
            **options,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def following(connection: Connection, clock: ManualClock, **options: Any) -> AsyncIterator[Follow]:
    made = Follow(connection, clock, **options)
    task = asyncio.create_task(made.reflector.run())
    try:
        yield made
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await made.api.close()


@pytest.fixture
async def follow(server: FakeApiServer, clock: ManualClock) -> AsyncIterator[Follow]:
    server.put(PODS, pod("early"))
    server.put(PODS, {"metadata": {"name": "foreign"}})
    async with following(server.connection, clock) as made:
        await watched(server)
        yield made


async def watched(server: FakeApiServer, times: int = 1) -> None:
    await server.until(lambda: len(server.seen("watch", PODS)) >= times)


async def told(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.001)


async def test_it_tells_what_is_there_and_what_happens(server: FakeApiServer, follow: Follow) -> None:
    server.put(PODS, pod("late"))
    server.edit(PODS, "late", {"metadata": {"labels": {"x": "y"}}})
    server.remove(PODS, "early")
    await told(lambda: len(follow.witness.told) == 4)
    assert follow.witness.told == [(None, "early"), ("ADDED", "late"), ("MODIFIED", "late"), ("DELETED", "early")]
    assert follow.pauses == []


async def test_it_says_how_far_it_has_told(server: FakeApiServer, clock: ManualClock) -> None:
    reached: list[int] = []
    server.put(PODS, pod("early"))
    listed = int(server.object(PODS, "early")["metadata"]["resourceVersion"])
    async with following(server.connection, clock, reached=lambda version: reached.append(int(version))) as follow:
        await watched(server)
        assert reached == [listed]
        assert follow.witness.names == {"early"}
        late = int(server.put(PODS, pod("late"))["metadata"]["resourceVersion"])
        await told(lambda: reached[-1] == late)
        assert follow.witness.names == {"early", "late"}  # told before it is said
        server.remove(PODS, "late")
        server.put(PODS, {"metadata": {"name": "unseen"}})  # does not match the selector
        server.bookmark()
        await told(lambda: len(reached) == 4)
        assert reached == sorted(reached)


async def test_lists_are_read_in_pages(server: FakeApiServer, clock: ManualClock, monkeypatch: Any) -> None:
    monkeypatch.setattr("crontask_kube.reflector.PAGE", 2)
    for n in range(5):
        server.put(PODS, pod(f"p{n}"))
    async with following(server.connection, clock) as follow:
        await watched(server)
        assert follow.witness.names == {f"p{n}" for n in range(5)}
        assert len(server.seen("list", PODS)) == 3


async def test_history_forgotten_between_two_pages(server: FakeApiServer, clock: ManualClock, monkeypatch: Any) -> None:
    """What the first page has told and the second reading does not know is missing."""
    monkeypatch.setattr("crontask_kube.reflector.PAGE", 2)
    for n in range(3):
        server.put(PODS, pod(f"p{n}"))
    async with following(server.connection, clock) as follow:
        await server.until(lambda: len(server.seen("list", PODS)) == 1)
        held = server.hold("list", PODS)
        await server.until(lambda: len(server.seen("list", PODS)) == 2)
        server.remove(PODS, "p0")
        server.forget_history()
        held.set()
        await watched(server)
        assert follow.witness.names == {"p1", "p2"}
        assert follow.witness.lost == ["p0"]


async def test_what_was_deleted_unseen_is_missing_after_a_relist(server: FakeApiServer, follow: Follow) -> None:
    server.put(PODS, pod("stays"))
    await told(lambda: follow.witness.names == {"early", "stays"})
    held = server.remove_unseen(PODS, "early")
    held.set()
    await told(lambda: follow.witness.lost == ["early"])
    await watched(server, 2)
    server.put(PODS, pod("next"))
    await told(lambda: follow.witness.names == {"stays", "next"})


async def test_only_its_own_namespace_is_missed(server: FakeApiServer, clock: ManualClock) -> None:
    server.put(PODS, pod("mine"), "a")
    server.put(PODS, pod("other"), "b")
    made = Follow(server.connection, clock, namespace="a")
    made.witness._known = {Key("a", "gone"), Key("b", "unknown")}
    task = asyncio.create_task(made.reflector.run())
    await watched(server)
    assert made.witness.lost == ["gone"]
    assert made.witness.names == {"mine", "unknown"}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.api.close()


async def test_a_dropped_watch_goes_on_where_it_was(server: FakeApiServer, follow: Follow) -> None:
    server.put(PODS, pod("second"))
    await told(lambda: "second" in follow.witness.names)
    server.drop("watch", PODS)
    server.end_watches()
    await watched(server, 3)
    server.put(PODS, pod("third"))
    await told(lambda: "third" in follow.witness.names)
    assert len(server.seen("list", PODS)) == 1
    assert follow.witness.told.count((None, "early")) == 1
    assert 0.1 in follow.pauses


async def test_a_bookmark_moves_the_place_and_tells_nothing(server: FakeApiServer, follow: Follow) -> None:
    server.put(PODS, {"metadata": {"name": "another foreign one"}})
    before = follow.reflector._version
    server.bookmark()
    await told(lambda: follow.reflector._version != before)
    assert follow.witness.told == [(None, "early")]


@pytest.mark.parametrize(("status", "lists"), [(410, 2), (404, 2), (403, 2), (500, 1), (503, 1), (429, 1)])
async def test_a_refused_watch(server: FakeApiServer, follow: Follow, status: int, lists: int) -> None:
    """What may pass is asked again from the same place; all else begins with a new list."""
    server.fail("watch", PODS, status=status)
    server.end_watches()
    await watched(server, 3)
    server.put(PODS, pod("late"))
    await told(lambda: "late" in follow.witness.names)
    assert len(server.seen("list", PODS)) == lists


async def test_a_watch_waits_as_long_as_it_is_told_to(server: FakeApiServer, follow: Follow) -> None:
    server.fail("watch", PODS, status=429, headers={"Retry-After": "9"})
    server.end_watches()
    await watched(server, 3)
    assert follow.pauses[1] == 9.0


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_a_list_that_is_refused_is_asked_again(server: FakeApiServer, clock: ManualClock, status: int) -> None:
    server.put(PODS, pod("early"))
    server.fail("list", PODS, status=status, times=8)
    async with following(server.connection, clock) as follow:
        await watched(server)
        assert follow.witness.names == {"early"}
        assert follow.pauses


async def test_no_hot_loop(server: FakeApiServer, follow: Follow) -> None:
    """Pauses grow up to a limit, and after some failures the place itself is doubted."""
    server.fail("watch", PODS, status=503, times=10)
    server.end_watches()
    await watched(server, 12)
    assert follow.pauses[:8] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8]
    assert set(follow.pauses[8:]) == {LONGEST_PAUSE}
    assert len(server.seen("list", PODS)) > 1


async def test_a_watch_that_lasted_is_no_failure(server: FakeApiServer, follow: Follow, clock: ManualClock) -> None:
    for times in (2, 3):
        clock.advance(300)
        server.end_watches()
        await watched(server, times)
    assert follow.pauses == []


async def test_lines_that_are_none(clock: ManualClock) -> None:
    """Half a line at the end, no JSON, no event: each ends the stream, and nothing is told of it."""
    listing = {"metadata": {"resourceVersion": "7"}, "items": []}
    good = b'{"type":"ADDED","object":{"metadata":{"namespace":"n","name":"good","resourceVersion":"8"}}}\n'
    streams = [good + good[:30], b"<html>\n", b'{"type":"ADDED"}\n', b"[]\n"]
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            asked.append("list")
            return web.json_response(listing)
        asked.append(f"watch {request.query['resourceVersion']}")
        response = web.StreamResponse()
        await response.prepare(request)
        if not streams:
            await asyncio.sleep(3600)
        await response.write(streams.pop(0))
        return response

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with following(Connection(server=f"http://127.0.0.1:{runner.addresses[0][1]}"), clock) as follow:
            await told(lambda: len(asked) >= 8)
            assert asked[:6] == ["list", "watch 7", "watch 8", "watch 8", "list", "watch 7"]
            assert follow.witness.told == [("ADDED", "good")]
    finally:
        await runner.cleanup()


async def caught_up(follow: Follow, *known: str, seconds: float = 20.0) -> bool:
    return await follow.reflector.caught_up([Key("default", name) for name in known], seconds)


async def test_it_says_when_it_has_caught_up(server: FakeApiServer, follow: Follow) -> None:
    """What happened before the question was told before the answer, and what is known may be gone by now."""
    for n in range(50):
        server.put(PODS, pod(f"p{n}"))
    server.remove(PODS, "p0")
    assert await caught_up(follow, "p0", "never was", "early")
    assert follow.witness.names == {"early"} | {f"p{n}" for n in range(1, 50)}
    assert follow.witness.told[-1] == ("MODIFIED", "early")


@pytest.mark.parametrize("known", [(), ("gone", "gone too", "gone as well", "early")])
async def test_without_anything_to_mark_nobody_knows(
    server: FakeApiServer, follow: Follow, known: tuple[str, ...]
) -> None:
    assert not await caught_up(follow, *known)
    assert len(server.seen("patch", PODS)) == min(len(known), 3)


async def test_a_watch_that_tells_nothing_has_not_caught_up(server: FakeApiServer, follow: Follow) -> None:
    held = server.hold("watch", PODS)
    server.end_watches()
    await watched(server, 2)
    assert not await caught_up(follow, "early", seconds=0.2)
    held.set()
    assert await caught_up(follow, "early")


async def test_a_mark_that_cannot_be_written(server: FakeApiServer, follow: Follow) -> None:
    server.fail("patch", PODS, status=403)
    assert not await caught_up(follow, "early")
    assert await caught_up(follow, "early")


async def test_a_mark_is_heard_of_in_a_list_when_the_list_is_told(server: FakeApiServer, follow: Follow) -> None:
    """Not before: what the list does not show is missing only then."""
    server.put(PODS, pod("doomed"))
    await told(lambda: follow.witness.names == {"early", "doomed"})
    held = server.remove_unseen(PODS, "doomed")
    asked = asyncio.create_task(caught_up(follow, "early"))
    await server.until(lambda: bool(server.seen("patch", PODS)))
    held.set()
    assert await asked
    assert follow.witness.lost == ["doomed"]
