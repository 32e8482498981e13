"""The row `connections`: a crowd on loopback, the limit on open files, and the lines."""

import asyncio
import contextlib
import resource

import pytest
from bench.crowd import Crowd
from bench.figures import Spread
from bench.process import raise_file_limit
from bench.rows.connections import Beyond, Within, lines
from fakes.stages import until

from crontask_gateway.settings import Settings

ANSWERS = Spread.of([0.01])
HELD, BOUNDED = Within(0, ANSWERS, 0, 12.5, 0), Beyond(2000, 9.5, 0)


async def test_a_crowd_knows_who_was_turned_away_and_leaves_when_it_is_told_to() -> None:
    guests: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(guests) < 5:
            guests.add(writer)
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    crowd = Crowd(server.sockets[0].getsockname()[1])
    async with asyncio.timeout(10):
        await crowd.join(20)
        await until(lambda: crowd.open == 5)
        assert len(guests) == 5
        crowd.leave()
        await until(lambda: crowd.open == 0)
    server.close()


@pytest.mark.parametrize(
    ("limits", "allowed", "set_to"),
    [
        ((1024, 4096), 4096, [(4096, 4096)]),
        ((1024, 20_000), 10_500, [(10_500, 20_000)]),
        ((1024, resource.RLIM_INFINITY), 10_500, [(10_500, resource.RLIM_INFINITY)]),
        ((20_000, 20_000), 10_500, []),
    ],
)
def test_as_many_files_as_may_be(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], allowed: int, set_to: list[tuple[int, int]]
) -> None:
    done: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, wanted: done.append(wanted))
    assert raise_file_limit(10_500) == allowed
    assert done == set_to


def test_all_goals_are_met_by_a_gateway_that_holds_what_it_may_and_no_more() -> None:
    found = lines(10_000, [HELD] * 3, [BOUNDED] * 3, Settings())
    assert [goal.met for line in found for goal in line.goals] == [True] * 5


@pytest.mark.parametrize(
    ("within", "beyond", "place"),
    [
        (Within(1, ANSWERS, 0, 12.5, 0), BOUNDED, 0),
        (Within(0, ANSWERS, 1, 12.5, 0), BOUNDED, 0),
        (Within(0, Spread.of([0.2]), 0, 12.5, 0), BOUNDED, 1),
        (HELD, Beyond(2001, 9.5, 0), 2),
        (HELD, Beyond(2000, 11.5, 0), 3),
        (HELD, Beyond(2000, 9.5, 1), 4),
    ],
)
def test_each_fault_misses_its_own_goal(within: Within, beyond: Beyond, place: int) -> None:
    found = lines(10_000, [within], [beyond], Settings())
    assert [goal.met for line in found for goal in line.goals] == [at != place for at in range(5)]
