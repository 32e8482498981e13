"""A shard's Lease between replicas: who holds it, what is claimed, and what a lost answer means."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock

from crontask_core.errors import FieldError
from crontask_core.names import ANNOTATION_CLAIMED_THROUGH
from crontask_kube.client import ApiClient
from crontask_kube.errors import Unavailable
from crontask_kube.lease import ShardLease
from crontask_kube.resources import LEASES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)
SPACE, NAME = "crontask-system", "crontask-shard-0"


def replica(client: ApiClient, clock: ManualClock, identity: str, *, seconds: float = 3.0) -> ShardLease:
    return ShardLease(client, namespace=SPACE, name=NAME, identity=identity, clock=clock, duration_seconds=seconds)


@pytest.fixture
def one(client: ApiClient, clock: ManualClock) -> ShardLease:
    return replica(client, clock, "one")


@pytest.fixture
def two(client: ApiClient, clock: ManualClock) -> ShardLease:
    return replica(client, clock, "two")


def spec(server: FakeApiServer) -> dict[str, Any]:
    found: dict[str, Any] = server.object(LEASES, NAME, SPACE)["spec"]
    return found


def claim_text(server: FakeApiServer) -> str:
    return str(server.object(LEASES, NAME, SPACE)["metadata"]["annotations"][ANNOTATION_CLAIMED_THROUGH])


async def test_the_first_replica_makes_the_lease(one: ShardLease, server: FakeApiServer) -> None:
    assert await one.try_acquire()
    assert one.valid()
    assert (one.claimed_through, one.inherited_through) == (None, None)
    assert spec(server) == {
        "holderIdentity": "one",
        "leaseDurationSeconds": 3,
        "leaseTransitions": 0,
        "acquireTime": "2026-03-01T12:00:00.000000Z",
        "renewTime": "2026-03-01T12:00:00.000000Z",
    }


async def test_of_two_that_make_it_at_once_one_wins(one: ShardLease, two: ShardLease, server: FakeApiServer) -> None:
    server.fail("get", LEASES, status=404, reason="NotFound", times=2)
    assert [await one.try_acquire(), await two.try_acquire()] == [True, False]
    assert not two.valid()


async def test_a_crashed_holder_is_succeeded_after_the_duration_and_not_before(
    one: ShardLease, two: ShardLease, clock: ManualClock, server: FakeApiServer
) -> None:
    await one.try_acquire()
    await one.claim(LATER)
    clock.advance(10)
    assert not await two.try_acquire()  # only now does it see the record for the first time
    clock.advance(2.99)
    assert not await two.try_acquire()
    clock.advance(0.02)
    assert await two.try_acquire()
    assert (two.inherited_through, two.claimed_through) == (LATER, LATER)
    assert (spec(server)["holderIdentity"], spec(server)["leaseTransitions"], two.transitions) == ("two", 1, 1)


async def test_a_holder_that_renews_is_never_succeeded(one: ShardLease, two: ShardLease, clock: ManualClock) -> None:
    await one.try_acquire()
    for _ in range(10):
        clock.advance(1)
        assert await one.renew()
        assert not await two.try_acquire()
        assert one.valid()


async def test_wall_clocks_of_others_are_not_trusted(
    one: ShardLease, client: ApiClient, clock: ManualClock, server: FakeApiServer
) -> None:
    behind = replica(client, ManualClock(NOON - timedelta(days=1)), "behind")
    await behind.try_acquire()
    assert not await one.try_acquire()
    clock.step(3600)
    assert not await one.try_acquire()
    assert spec(server)["renewTime"].startswith("2026-02-28")


async def test_who_is_told_of_each_sign_of_life_need_not_look(
    one: ShardLease, two: ShardLease, clock: ManualClock, server: FakeApiServer
) -> None:
    await one.try_acquire()
    two.told(server.object(LEASES, NAME, SPACE))
    clock.advance(2)
    await one.renew()
    two.told(server.object(LEASES, NAME, SPACE))
    assert two.free_at == clock.monotonic() + 3
    clock.advance(2.99)
    assert not await two.try_acquire(look=False)
    clock.advance(0.02)
    asked = len(server.seen("get", LEASES))
    assert await two.try_acquire(look=False)
    assert len(server.seen("get", LEASES)) == asked


async def test_an_event_that_comes_late_takes_nothing_from_a_holder_that_lives(
    one: ShardLease, two: ShardLease, clock: ManualClock, server: FakeApiServer
) -> None:
    await one.try_acquire()
    two.told(server.object(LEASES, NAME, SPACE))
    clock.advance(2)
    await one.renew()  # the watch does not tell of it
    clock.advance(1)
    assert not await two.try_acquire(look=False)
    assert one.valid()
    assert two.free_at == clock.monotonic() + 3  # found out by the refused write
    clock.advance(3)
    assert await two.try_acquire(look=False)


async def test_what_the_watch_tells_of_a_lease_that_is_gone_or_spoilt_is_looked_up(
    one: ShardLease, two: ShardLease, server: FakeApiServer
) -> None:
    await one.try_acquire()
    two.told(server.object(LEASES, NAME, SPACE))
    server.edit(LEASES, NAME, {"metadata": {"annotations": {ANNOTATION_CLAIMED_THROUGH: "yesterday"}}}, SPACE)
    two.told(server.object(LEASES, NAME, SPACE))
    with pytest.raises(FieldError, match="yesterday"):
        await two.try_acquire(look=False)
    server.remove(LEASES, NAME, SPACE)
    two.told(None)
    assert await two.try_acquire(look=False)


async def test_a_holder_is_not_confused_by_its_own_writes(one: ShardLease, server: FakeApiServer) -> None:
    await one.try_acquire()
    old = server.object(LEASES, NAME, SPACE)
    await one.claim(LATER)
    one.told(old)
    assert one.claimed_through == LATER
    assert await one.renew()


async def test_each_sign_of_life_puts_off_the_next_one(one: ShardLease, clock: ManualClock) -> None:
    await one.try_acquire()
    assert one.renew_at == pytest.approx(clock.monotonic() + 0.9)
    clock.advance(0.5)
    await one.claim(LATER)
    assert one.renew_at == pytest.approx(clock.monotonic() + 0.9)


async def test_edits_by_others_are_no_sign_of_life(
    one: ShardLease, two: ShardLease, clock: ManualClock, server: FakeApiServer
) -> None:
    await one.try_acquire()
    assert not await two.try_acquire()
    clock.advance(3)
    server.edit(LEASES, NAME, {"metadata": {"labels": {"by": "somebody"}}}, SPACE)
    assert await two.try_acquire()


async def test_a_holder_stops_trusting_itself_before_others_do(one: ShardLease, clock: ManualClock) -> None:
    await one.try_acquire()
    clock.advance(2.69)
    assert one.valid()
    clock.advance(0.02)
    assert not one.valid()


async def test_validity_counts_from_the_start_of_the_request(
    one: ShardLease, clock: ManualClock, server: FakeApiServer
) -> None:
    await one.try_acquire()
    answer = server.hold("patch", LEASES, after=True)

    async def take_two_seconds() -> None:
        await server.until(lambda: bool(server.seen("patch", LEASES)))
        clock.advance(2)
        answer.set()

    renewed, _ = await asyncio.gather(one.renew(), take_two_seconds())
    assert renewed
    clock.advance(0.8)
    assert not one.valid()


async def test_a_paused_holder_learns_that_it_was_succeeded(
    one: ShardLease, two: ShardLease, clock: ManualClock, server: FakeApiServer
) -> None:
    await one.try_acquire()
    await two.try_acquire()
    clock.advance(3)
    assert await two.try_acquire()
    assert not one.valid()
    assert not await one.claim(LATER)
    assert not one.held
    assert ANNOTATION_CLAIMED_THROUGH not in server.object(LEASES, NAME, SPACE)["metadata"]["annotations"]


async def test_two_that_are_too_busy_to_renew_take_it_from_each_other_less_and_less_often(
    one: ShardLease, two: ShardLease, clock: ManualClock
) -> None:
    holder, standby, turns = one, two, 0
    await holder.try_acquire()
    for _ in range(40):
        await standby.try_acquire()
        clock.advance(4)  # the holder is stuck for longer than a Lease lasts
        taken = await standby.try_acquire()
        assert await holder.renew() is not taken
        if taken:
            holder, standby, turns = standby, holder, turns + 1
    assert 3 <= turns <= 12


async def test_a_paused_holder_that_nobody_succeeded_goes_on(one: ShardLease, clock: ManualClock) -> None:
    await one.try_acquire()
    clock.advance(60)
    assert not one.valid()
    assert await one.claim(LATER)
    assert one.valid()


async def test_one_write_claims_and_renews(one: ShardLease, clock: ManualClock, server: FakeApiServer) -> None:
    await one.try_acquire()
    clock.advance(2)
    assert await one.claim(LATER)
    assert len(server.seen("patch", LEASES)) == 1
    assert claim_text(server) == "2026-03-01T12:00:01.000000Z"
    assert spec(server)["renewTime"] == "2026-03-01T12:00:02.000000Z"
    clock.advance(2)
    assert one.valid()


async def test_claims_never_go_back(one: ShardLease, server: FakeApiServer) -> None:
    await one.try_acquire()
    await one.claim(LATER)
    await one.claim(NOON)
    await one.renew()
    assert claim_text(server) == "2026-03-01T12:00:01.000000Z"
    assert one.claimed_through == LATER


async def test_release_hands_over_at_once_and_keeps_the_claim(
    one: ShardLease, two: ShardLease, server: FakeApiServer
) -> None:
    await one.try_acquire()
    await one.claim(LATER)
    assert not await two.try_acquire()
    await one.release()
    assert not one.valid()
    assert spec(server)["holderIdentity"] == ""
    assert await two.try_acquire()
    assert two.inherited_through == LATER


async def test_release_leaves_a_successor_alone(
    one: ShardLease, two: ShardLease, clock: ManualClock, server: FakeApiServer
) -> None:
    await one.try_acquire()
    await two.try_acquire()
    clock.advance(3)
    await two.try_acquire()
    await one.release()
    assert spec(server)["holderIdentity"] == "two"


async def test_release_gets_past_an_edit_by_somebody(one: ShardLease, server: FakeApiServer) -> None:
    await one.try_acquire()
    server.edit(LEASES, NAME, {"metadata": {"labels": {"by": "somebody"}}}, SPACE)
    await one.release()
    assert spec(server)["holderIdentity"] == ""


async def test_claim_gets_past_an_edit_by_somebody(one: ShardLease, server: FakeApiServer) -> None:
    await one.try_acquire()
    server.edit(LEASES, NAME, {"metadata": {"annotations": {"by": "somebody"}}}, SPACE)
    assert await one.claim(LATER)
    assert claim_text(server) == "2026-03-01T12:00:01.000000Z"


async def test_claim_gives_up_where_edits_never_end(one: ShardLease, server: FakeApiServer) -> None:
    await one.try_acquire()
    server.fail("patch", LEASES, status=409, reason="Conflict", times=100)
    with pytest.raises(Unavailable, match="others write to it"):
        await one.claim(LATER)
    assert one.held


async def test_a_claim_whose_answer_was_lost_has_landed(one: ShardLease, server: FakeApiServer) -> None:
    await one.try_acquire()
    server.drop("patch", LEASES, after=True)
    assert await one.claim(LATER)
    assert claim_text(server) == "2026-03-01T12:00:01.000000Z"


async def claim_that_times_out(one: ShardLease, clock: ManualClock, server: FakeApiServer) -> bool:
    """Claims while the server holds the write back for longer than the request may take (half a second)."""
    claim = asyncio.create_task(one.claim(LATER))
    await server.until(lambda: len(server.seen("patch", LEASES)) == 1)
    clock.advance(0.5)
    return await claim


async def test_a_claim_that_timed_out_and_landed_is_found(
    client: ApiClient, clock: ManualClock, server: FakeApiServer
) -> None:
    one = replica(client, clock, "one", seconds=1)
    await one.try_acquire()
    clock.advance(1)
    server.hold("patch", LEASES, after=True)
    assert await claim_that_times_out(one, clock, server)
    assert len(server.seen("patch", LEASES)) == 1
    clock.advance(0.35)
    assert one.valid()  # 0.85 s after the write was sent
    clock.advance(0.1)
    assert not one.valid()


async def test_a_claim_that_timed_out_and_did_not_land_is_written_again(
    client: ApiClient, clock: ManualClock, server: FakeApiServer
) -> None:
    one = replica(client, clock, "one", seconds=1)
    await one.try_acquire()
    clock.advance(1)
    late = server.hold("patch", LEASES)
    assert await claim_that_times_out(one, clock, server)
    assert len(server.seen("patch", LEASES)) == 2
    version = server.object(LEASES, NAME, SPACE)["metadata"]["resourceVersion"]
    late.set()  # the first write arrives after all, and is refused: its version is old by now
    assert await one.renew()
    assert server.object(LEASES, NAME, SPACE)["metadata"]["resourceVersion"] == version


async def test_a_claim_is_unknown_while_the_server_is_away(one: ShardLease, server: FakeApiServer) -> None:
    await one.try_acquire()
    server.drop("patch", LEASES, times=100, after=True)
    server.drop("get", LEASES, times=100)
    with pytest.raises(Unavailable):
        await one.claim(LATER)
    assert one.claimed_through is None
    server.heal()
    assert await one.claim(LATER)
    assert one.claimed_through == LATER


async def test_an_acquisition_whose_answer_was_lost_is_ours(
    one: ShardLease, two: ShardLease, clock: ManualClock, server: FakeApiServer
) -> None:
    server.drop("create", LEASES, after=True)
    assert await one.try_acquire()
    assert not await two.try_acquire()
    clock.advance(3)
    server.drop("patch", LEASES, after=True)
    assert await two.try_acquire()
    assert two.transitions == 1


async def test_a_restart_under_the_same_name_waits_like_anybody(
    one: ShardLease, client: ApiClient, clock: ManualClock
) -> None:
    await one.try_acquire()
    restarted = replica(client, clock, "one")
    assert not await restarted.try_acquire()
    clock.advance(3)
    assert await restarted.try_acquire()
    assert not await one.claim(LATER)


async def test_a_deleted_lease_is_lost_and_made_anew_with_its_claim(
    one: ShardLease, two: ShardLease, server: FakeApiServer
) -> None:
    await one.try_acquire()
    await one.claim(LATER)
    await two.try_acquire()
    server.remove(LEASES, NAME, SPACE)
    assert not await one.claim(LATER + timedelta(seconds=1))
    assert await two.try_acquire()
    assert two.inherited_through == LATER


async def test_a_claim_that_is_no_instant_keeps_everybody_off(one: ShardLease, server: FakeApiServer) -> None:
    annotations = {ANNOTATION_CLAIMED_THROUGH: "yesterday"}
    server.put(LEASES, {"metadata": {"name": NAME, "annotations": annotations}, "spec": {}}, SPACE)
    with pytest.raises(FieldError, match="yesterday"):
        await one.try_acquire()
    server.edit(LEASES, NAME, {"metadata": {"annotations": {ANNOTATION_CLAIMED_THROUGH: None}}}, SPACE)
    assert await one.try_acquire()


@pytest.mark.parametrize("text", ["yesterday", "2026-03-01T12:00:00", None])
async def test_a_holder_mends_a_claim_that_somebody_has_spoilt(
    one: ShardLease, server: FakeApiServer, text: str | None
) -> None:
    await one.try_acquire()
    await one.claim(LATER)
    server.edit(LEASES, NAME, {"metadata": {"annotations": {ANNOTATION_CLAIMED_THROUGH: text}}}, SPACE)
    assert await one.renew()
    assert claim_text(server) == "2026-03-01T12:00:01.000000Z"
