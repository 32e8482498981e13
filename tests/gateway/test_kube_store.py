"""The store on Kubernetes where something is in its way: conflicts, refusals, lost answers, Secrets and their tasks."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock
from fakes.stages import KubeStage

from crontask_gateway.errors import Conflict, Forbidden, GatewayError, Invalid, Unavailable, Unknown
from crontask_gateway.kube_tasks import MAX_TRIES
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.store import Change, Job
from crontask_kube.client import ApiClient
from crontask_kube.resources import EXECUTIONS, SECRETS, TASKS, Resource

SCOPE = Scope("default", "dkron")
A = Naming(SCOPE, "a")
SPEC = {"schedule": "@hourly", "pod": {"image": "busybox"}}


def change(secrets: dict[str, bytes] | None = None, **document: Any) -> Callable[[Job | None], Change]:
    return lambda was: Change(SPEC, document, secrets=secrets if secrets is not None else {})


@pytest.fixture
async def stage(server: FakeApiServer, client: ApiClient, clock: ManualClock) -> AsyncIterator[KubeStage]:
    made = KubeStage(server, client, clock)
    running = asyncio.create_task(made.replica.run())
    await made.ready()
    yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def held(stage: KubeStage, resource: Resource) -> list[str]:
    return [body["metadata"]["name"] for body in stage.server.all(resource)]


async def test_a_change_is_made_again_where_somebody_was_faster(stage: KubeStage) -> None:
    await stage.store.put(A, change())
    seen: list[Any] = []

    def faster(job: Job) -> Change:
        seen.append(job.spec.get("suspend"))
        if len(seen) < MAX_TRIES:
            stage.server.edit(TASKS, A.name, {"spec": {"suspend": bool(len(seen) % 2)}})
        return Change(job.spec | {"timeoutSeconds": 5}, {"tries": len(seen)})

    made = await stage.store.change(A.key, faster)
    assert seen == [None, True, False, True, False, True, False, True]
    assert (made.spec["suspend"], made.document) == (True, {"tries": MAX_TRIES})


async def test_a_change_is_given_up_where_somebody_is_always_faster(stage: KubeStage) -> None:
    await stage.store.put(A, change())
    tries = iter(range(1000))

    def slower(job: Job) -> Change:
        stage.server.edit(TASKS, A.name, {"metadata": {"annotations": {"n": str(next(tries))}}})
        return Change(job.spec)

    with pytest.raises(Conflict, match="changes faster"):
        await stage.store.change(A.key, slower)
    assert next(tries) == MAX_TRIES


async def test_a_put_finds_a_job_that_the_watch_has_not_told_of(stage: KubeStage) -> None:
    go = stage.server.hold("watch", TASKS)
    stage.server.end_watches()
    body = {"metadata": {"name": A.name, "labels": A.labels()}, "spec": {"schedule": "@daily"}}
    stage.server.put(TASKS, body)
    made = await stage.store.put(A, lambda was: Change(SPEC | {"suspend": was is not None}))
    assert (made.spec["suspend"], made.spec["schedule"]) == (True, "@hourly")
    go.set()


async def test_a_put_of_a_job_that_is_gone_creates_it(stage: KubeStage) -> None:
    await stage.store.put(A, change())
    go = stage.server.hold("watch", TASKS)
    stage.server.end_watches()
    stage.server.remove(TASKS, A.name)
    made = await stage.store.put(A, lambda was: Change(SPEC, {"was": was is not None}))
    assert made.document == {"was": False}
    go.set()


async def test_annotations_and_owners_of_others_stay(stage: KubeStage) -> None:
    await stage.store.put(A, change(owner="x"))
    stage.server.edit(TASKS, A.name, {"metadata": {"annotations": {"theirs": "1"}, "finalizers": []}})
    await stage.store.put(A, change())
    assert stage.server.object(TASKS, A.name)["metadata"]["annotations"] == {"theirs": "1"}


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [(422, "Invalid", Invalid), (403, "Forbidden", Forbidden), (400, "BadRequest", Invalid), (503, "", Unavailable)],
)
async def test_a_refused_job_leaves_no_secret(
    stage: KubeStage, status: int, reason: str, error: type[GatewayError]
) -> None:
    stage.server.fail("create", TASKS, times=20, status=status, reason=reason)
    with pytest.raises(error) as refused:
        await stage.store.put(A, change({"password": b"s3cret"}))
    assert "s3cret" not in str(refused.value)
    assert held(stage, TASKS) == []
    # Where nobody knows what has happened the Secret waits for the next try.
    assert held(stage, SECRETS) == ([A.name] if status == 503 else [])
    stage.server.heal()
    await stage.store.put(A, change({"password": b"again"}))
    assert await stage.secret(A.key) == {"password": b"again"}


async def test_a_refused_change_leaves_the_secret_as_it_was(stage: KubeStage) -> None:
    await stage.store.put(A, change({"password": b"one"}))
    stage.server.fail("patch", TASKS, status=422, reason="Invalid")
    with pytest.raises(Invalid):
        await stage.store.put(A, change({"password": b"two", "more": b"x"}))
    assert await stage.secret(A.key) == {"password": b"one"}


async def test_a_job_without_a_secret_that_is_refused_one_gets_none(stage: KubeStage) -> None:
    await stage.store.put(A, change())
    stage.server.fail("patch", TASKS, status=422, reason="Invalid")
    with pytest.raises(Invalid):
        await stage.store.put(A, change({"password": b"two"}))
    assert held(stage, SECRETS) == []


async def test_the_task_owns_its_secret_and_nothing_else_holds_what_is_in_it(stage: KubeStage) -> None:
    job = await stage.store.put(A, change({"password": b"s3cret"}))
    assert [owner["uid"] for owner in stage.server.object(SECRETS, A.name)["metadata"]["ownerReferences"]] == [job.uid]
    texts = ("s3cret", b64encode(b"s3cret").decode())
    assert all(text not in str(stage.server.object(TASKS, A.name)) for text in texts)


async def test_an_unchanged_secret_is_not_written(stage: KubeStage) -> None:
    await stage.store.put(A, change({"password": b"one"}))
    version = stage.server.object(SECRETS, A.name)["metadata"]["resourceVersion"]
    await stage.store.put(A, change({"password": b"one"}, n=1))
    assert stage.server.object(SECRETS, A.name)["metadata"]["resourceVersion"] == version


async def test_a_secret_that_is_somebody_elses_is_left_alone(stage: KubeStage) -> None:
    stage.server.put(SECRETS, {"metadata": {"name": A.name}, "data": {"theirs": "eA=="}})
    with pytest.raises(Conflict):
        await stage.store.put(A, change({"password": b"one"}))
    assert await stage.secret(A.key) == {"theirs": b"x"}
    assert held(stage, TASKS) == []


async def test_half_of_a_job_that_a_crash_has_left_is_taken_over(stage: KubeStage) -> None:
    stage.server.put(SECRETS, {"metadata": {"name": A.name, "labels": A.labels()}, "data": {"old": "eA=="}})
    job = await stage.store.put(A, change({"password": b"one"}))
    assert await stage.secret(A.key) == {"password": b"one"}
    assert stage.server.object(SECRETS, A.name)["metadata"]["ownerReferences"][0]["uid"] == job.uid


async def test_a_client_that_gives_up_leaves_nothing_half_made(stage: KubeStage) -> None:
    go = stage.server.hold("create", TASKS)
    putting = asyncio.create_task(stage.store.put(A, change({"password": b"one"})))
    await stage.server.until(lambda: bool(stage.server.seen("create", TASKS)))
    putting.cancel()
    go.set()
    await stage.server.until(lambda: held(stage, TASKS) == [A.name])
    await stage.server.until(lambda: bool(stage.server.object(SECRETS, A.name)["metadata"]["ownerReferences"]))
    assert (await stage.store.describe(A.key)).id == "a"


async def test_a_lost_answer_to_a_create_is_no_second_job(stage: KubeStage) -> None:
    stage.server.drop("create", TASKS, after=True)
    made = await stage.store.put(A, change(n=1))
    assert (made.document, held(stage, TASKS)) == ({"n": 1}, [A.name])


async def test_a_lost_answer_to_a_trigger_is_no_second_run(stage: KubeStage) -> None:
    await stage.store.put(A, change())
    stage.server.drop("create", EXECUTIONS, after=True)
    run = await stage.store.trigger(A.key)
    assert held(stage, EXECUTIONS) == [run.key.name]


async def test_an_api_server_that_does_not_answer_is_unavailable(stage: KubeStage) -> None:
    await stage.store.put(A, change())
    stage.server.fail(None, None, times=1000)
    calls = [
        stage.store.put(A, change(n=2)),
        stage.store.remove(A.key),
        stage.store.trigger(A.key),
        stage.store.set_flag("x", True),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            await call
    stage.server.heal()
    assert (await stage.store.describe(A.key)).document == {}


async def test_ended_runs_are_asked_for_when_they_are_not_in_memory(stage: KubeStage) -> None:
    await stage.store.put(A, change())
    for number in range(30):
        await stage.ran(A.key, f"r{number:02}", phase="Failed", output=f"{number}" + "x" * 10_000)
    found = await stage.store.runs(A.key)
    assert [(run.known.output or "").rstrip("x") for run in found] == [str(number) for number in range(30)]
    assert 0 < len(stage.server.seen("get", EXECUTIONS)) <= 30
    assert not stage.server.seen("list", EXECUTIONS)[1:]


async def test_a_run_that_was_deleted_meanwhile_is_left_out(stage: KubeStage) -> None:
    await stage.store.put(A, change())
    for number in range(30):
        await stage.ran(A.key, f"r{number:02}", phase="Failed", output="x" * 10_000)
    stage.server.fail("get", EXECUTIONS, status=404, reason="NotFound")
    assert len(await stage.store.runs(A.key)) == 29


async def test_a_removed_job_and_one_of_the_same_name_are_two(stage: KubeStage) -> None:
    first = await stage.store.put(A, change())
    stage.server.remove(TASKS, A.name)
    stage.server.put(TASKS, {"metadata": {"name": A.name, "labels": A.labels()}, "spec": SPEC})
    removed = await stage.store.remove(A.key)
    assert removed.uid != first.uid
    assert held(stage, TASKS) == []
    with pytest.raises(Unknown):
        await stage.store.remove(A.key)
