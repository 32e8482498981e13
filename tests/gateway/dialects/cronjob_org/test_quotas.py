"""How often may be asked: windows of the clock, by account, operation and key; all replicas count together."""

import asyncio
from typing import Any

import pytest
from fakes.cronjob_org import URL, CronJobOrg
from hypothesis import given
from hypothesis import strategies as st

from crontask_gateway.dialects.cronjob_org.quotas import DAY, EACH, OF_OPERATION, Window, count
from crontask_gateway.errors import Unavailable
from crontask_gateway.principal import Access, Credential, Principal

A, B = (Credential(Principal(name, "", "default", key=name), name.encode() * 8) for name in "ab")
OTHER = Credential(Principal("c", "acme", "default", key="c", per_day=2), b"c" * 8)
LIMITED: dict[str, Any] = {"limits": True, "perDay": 100, "access": Access("default", (A, B, OTHER))}


def as_(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name * 8}"}


async def codes(gateway: CronJobOrg, times: int, path: str = "/jobs", who: str = "a") -> list[int]:
    return [(await gateway.get(path, **as_(who))).status for _ in range(times)]


async def test_five_in_a_second_for_each_operation_and_account() -> None:
    gateway = CronJobOrg(**LIMITED)
    assert await codes(gateway, 6) == [200] * 5 + [429]
    assert await codes(gateway, 6, "/jobs/1") == [404] * 5 + [429], "another operation; what fails counts"
    assert await codes(gateway, 1, who="b") == [429], "another key of the same account"
    assert await codes(gateway, 1, who="c") == [200], "another account"
    gateway.stage.clock.advance(1)
    assert await codes(gateway, 1) == [200]


async def test_the_window_is_the_clocks() -> None:
    gateway = CronJobOrg(**LIMITED)
    now = gateway.stage.clock.now().timestamp()
    gateway.stage.clock.advance(1 - now % 1 + 0.9)
    assert await codes(gateway, 5) == [200] * 5
    gateway.stage.clock.advance(0.2)
    assert await codes(gateway, 5) == [200] * 5, "the next second has begun"


async def test_one_new_job_in_a_second_and_five_in_a_minute() -> None:
    gateway = CronJobOrg(**LIMITED)
    clock = gateway.stage.clock
    clock.advance(60 - clock.now().timestamp() % 60)

    async def make() -> tuple[int, str]:
        answer = await gateway.put("/jobs", {"job": {"url": URL}}, **as_("a"))
        return answer.status, answer.headers.get("retry-after", "")

    assert [await make(), await make()] == [(200, ""), (429, "1")]
    for _ in range(4):
        clock.advance(1)
        assert await make() == (200, "")
    clock.advance(1)
    assert await make() == (429, "55")
    clock.advance(55)
    assert await make() == (200, "")


async def test_a_day_is_the_keys_and_utcs() -> None:
    gateway = CronJobOrg(**(LIMITED | {"limits": False, "perDay": 3}))
    clock = gateway.stage.clock
    clock.advance(DAY - clock.now().timestamp() % DAY - 10)
    assert await codes(gateway, 4) == [200, 200, 200, 429]
    assert await codes(gateway, 4, who="b") == [200, 200, 200, 429]
    assert await codes(gateway, 3, who="c") == [200, 200, 429], "the key's own quota"
    assert (await gateway.get("/jobs", **as_("a"))).headers["retry-after"] == "10"
    clock.advance(10)
    assert await codes(gateway, 1) == [200]


async def test_no_key_no_route_and_no_address_count_for_nothing() -> None:
    gateway = CronJobOrg(**(LIMITED | {"limits": False, "perDay": 1}))
    assert (await gateway.get("/nowhere", **as_("a"))).status == 404
    assert (await gateway.get("/jobs", authorization="Bearer wrong")).status == 401
    assert await codes(gateway, 2) == [200, 429]


async def test_429_comes_before_400_and_after_401() -> None:
    gateway = CronJobOrg(**(LIMITED | {"limits": False, "perDay": 1}))
    assert (await gateway.put("/jobs", {}, **as_("a"))).status == 400
    answer = await gateway.put("/jobs", {}, **as_("a"))
    assert (answer.status, answer.body) == (429, b"")
    assert (await gateway.put("/jobs", {})).status == 401


async def test_requests_at_once_are_counted_one_by_one() -> None:
    gateway = CronJobOrg(**LIMITED)
    answers = await asyncio.gather(*(gateway.get("/jobs", **as_("a")) for _ in range(12)))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 7


async def test_two_replicas_count_together() -> None:
    first = CronJobOrg(**LIMITED)
    second = CronJobOrg(first.stage, **LIMITED)
    found = [(await each.get("/jobs", **as_("a"))).status for each in (first, second) * 4]
    assert found == [200] * 5 + [429] * 3


async def test_where_the_counts_cannot_be_had_nobody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = CronJobOrg(**LIMITED)

    async def away(*_: Any) -> Any:
        raise Unavailable("away")

    monkeypatch.setattr(gateway.stage.store, "change_note", away)
    assert await codes(gateway, 9) == [200] * 9


WINDOWS = st.lists(st.builds(Window, st.sampled_from([1, 7, 60]), st.integers(1, 5)), max_size=2).map(tuple)


@given(WINDOWS, st.integers(0, 6), st.lists(st.floats(0, 40), max_size=60).map(sorted))
def test_no_window_and_no_day_admits_more_than_it_may(
    windows: tuple[Window, ...], day: int, moments: list[float]
) -> None:
    note: dict[str, Any] = {}
    admitted: list[float] = []
    for now in moments:
        verdict = count(note, "op", windows, "key", day, now)
        note = verdict.note
        assert len(note) <= len(windows) + 1
        if not verdict.wait:
            admitted.append(now)
    for window in (*windows, *([Window(DAY, day)] if day else [])):
        for start in {int(at) // window.seconds for at in admitted}:
            assert sum(int(at) // window.seconds == start for at in admitted) <= window.most
    if not windows and not day:
        assert admitted == moments


def test_what_is_no_count_counts_for_nothing() -> None:
    odd: dict[str, Any] = {"x": 1, "1/op": "y", "1/other": [0], "60/op": [1, 2, 3]}
    assert count(odd, "op", EACH, "key", 0, 0.0).note == {"1/op": [0, 1]}


def test_the_documented_numbers() -> None:
    assert (Window(1, 5),) == EACH
    assert OF_OPERATION["create_job"] == (Window(1, 1), Window(60, 5))
