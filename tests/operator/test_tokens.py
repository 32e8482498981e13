"""Calls that bear a token of a ServiceAccount: made once for many, renewed in time, told nowhere."""

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallFacts
from crontask_kube.resources import SERVICE_ACCOUNTS

pytestmark = pytest.mark.looptime

AUTH = {"serviceAccountToken": {"audience": "shop", "serviceAccountName": "caller"}}
CALL = {"url": "http://receiver.test/", "auth": AUTH}


def account(world: World) -> None:
    world.server.put(SERVICE_ACCOUNTS, {"metadata": {"name": "caller"}})


def sent(world: World) -> list[str]:
    """The credentials of each call."""
    return [dict(request.headers)["Authorization"] for _, request in world.receiver.received]


async def test_many_calls_of_one_moment_share_a_token(world: World) -> None:
    account(world)
    for n in range(5):
        world.task(f"t{n}", schedule="0 12 * * *", http=CALL)
    world.start()
    await until(world, "12:00:05")
    assert sent(world) == ["Bearer default.caller.shop.1"] * 5
    [asked] = world.server.seen("create", SERVICE_ACCOUNTS, "token")
    assert asked.body == {"spec": {"audiences": ["shop"], "expirationSeconds": 600}}


async def test_a_token_is_renewed_before_it_expires(world: World) -> None:
    account(world)
    world.task(schedule="*/5 * * * *", http=CALL)
    world.start()
    await until(world, "12:10:30")
    assert [token[-1] for token in sent(world)] == ["1", "1", "2"]


async def test_it_appears_nowhere(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    account(world)
    world.receiver.answers = [CallFacts(http_status=500, body=b"you sent default.caller.shop.1", sent=True)]
    world.task(schedule="0 12 * * *", http=CALL)
    world.start()
    await until(world, "12:00:15")
    [execution] = world.executions()
    assert execution["status"]["output"] == "you sent ***"
    assert "default.caller" not in str(world.server.requests)
    assert "default.caller" not in capsys.readouterr().out


@pytest.mark.parametrize(("right", "part"), [(False, "serviceAccountTokens.enabled"), (True, "create it")])
async def test_without_the_right_or_the_account_the_attempt_says_what_to_do(
    world: World, right: bool, part: str
) -> None:
    if not right:
        world.server.fail("create", SERVICE_ACCOUNTS, status=403, reason="Forbidden")
    world.task(schedule="0 12 * * *", http=CALL)
    world.start()
    await until(world, "12:00:10")
    assert world.receiver.received == []
    [execution] = world.executions()
    assert execution["status"]["reason"] == "TokenUnavailable"
    assert part in execution["status"]["message"]


async def test_an_account_that_comes_later_heals_a_retry(world: World) -> None:
    world.task(schedule="0 12 * * *", http=CALL, retry={"limit": 1, "backoff": {"initialSeconds": 10}})
    world.start()
    await until(world, "12:00:05")
    account(world)
    await until(world, "12:00:20")
    assert [phase for _, phase, _ in world.outcomes()] == ["Succeeded"]


async def test_a_redirect_that_is_not_followed_counts_where_the_task_says_so(world: World) -> None:
    world.receiver.answers = [CallFacts(http_status=302, sent=True)] * 2
    world.task("strict", schedule="0 12 * * *")
    lenient = {"url": "http://receiver.test/", "followRedirects": False, "success": {"redirects": True}}
    world.task("lenient", schedule="0 12 * * *", http=lenient)
    world.start()
    await until(world, "12:00:10")
    assert [phase for _, phase, _ in world.outcomes()] == ["Succeeded", "Failed"]
