"""Work that callers share, and work that goes on without them."""

import asyncio

import pytest

from crontask_gateway.together import Together, unbroken

pytestmark = pytest.mark.looptime


class Work:
    """Takes a second; returns how many rounds there were."""

    def __init__(self) -> None:
        self.rounds = self.under_way = self.most = 0
        self.fails = False

    async def __call__(self) -> int:
        self.rounds += 1
        number = self.rounds
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(1)
        finally:
            self.under_way -= 1
        if self.fails:
            raise RuntimeError(str(number))
        return number


async def test_calls_at_once_share_a_round() -> None:
    work = Work()
    ask = Together(work)
    assert await asyncio.gather(*(ask() for _ in range(5))) == [1] * 5


async def test_who_comes_while_it_is_under_way_gets_the_next_round() -> None:
    work = Work()
    ask = Together(work)
    first = asyncio.create_task(ask())
    await asyncio.sleep(0.5)
    later = [asyncio.create_task(ask()) for _ in range(3)]
    await asyncio.sleep(0.2)
    later.append(asyncio.create_task(ask()))
    assert (await first, await asyncio.gather(*later)) == (1, [2] * 4)
    assert (await ask(), work.most) == (3, 1)


async def test_an_error_is_for_those_of_its_round() -> None:
    work = Work()
    work.fails = True
    ask = Together(work)
    first = asyncio.create_task(ask())
    await asyncio.sleep(0.5)
    second = asyncio.create_task(ask())
    with pytest.raises(RuntimeError, match="1"):
        await first
    work.fails = False
    assert await second == 2


async def test_who_gives_up_stops_it_for_nobody_else() -> None:
    work = Work()
    ask = Together(work)
    impatient = asyncio.create_task(ask())
    patient = asyncio.create_task(ask())
    await asyncio.sleep(0.5)
    impatient.cancel()
    assert await patient == 1


async def test_work_goes_on_when_its_caller_has_gone() -> None:
    done = asyncio.Event()

    async def write() -> None:
        await asyncio.sleep(1)
        done.set()

    caller = asyncio.create_task(unbroken(write()))
    await asyncio.sleep(0.5)
    caller.cancel()
    await done.wait()
    assert caller.cancelled()
