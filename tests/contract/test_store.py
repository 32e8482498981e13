"""What every `Store` keeps: the same tests on the one in memory and on the one on Kubernetes."""

import asyncio
from typing import Any

import pytest
from fakes.stages import Stage

from crontask_core.model import EnvVar, Overrides
from crontask_core.names import Key
from crontask_gateway.errors import Invalid, TooLarge, Unknown
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.store import Change, Job, Member

SCOPE = Scope("default", "dkron")
A = Naming(SCOPE, "a")
POD = {"image": "busybox"}


def spec(schedule: str = "@hourly", **more: Any) -> dict[str, Any]:
    return {"schedule": schedule, "pod": dict(POD)} | more


def wanting(change: Change) -> Any:
    return lambda was: change


async def put(stage: Stage, naming: Naming = A, **more: Any) -> Job:
    return await stage.store.put(naming, wanting(Change(spec(), **more)))


async def test_a_new_job_is_read_as_it_was_put(stage: Stage) -> None:
    change = Change(spec("@daily"), {"owner": "data", "n": 1, "t": True}, {"team": "bi"})
    made = await stage.store.put(A, wanting(change))
    assert made.key == Key("default", "dkron-a")
    assert (made.id, made.spec["schedule"], made.document) == ("a", "@daily", {"owner": "data", "n": 1, "t": True})
    assert dict(made.labels) == {"team": "bi", "crontask.dev/dialect": "dkron", "crontask.dev/id": "a"}
    assert made.task.schedule == "@daily"
    assert await stage.store.describe(A.key) == made
    assert list(await stage.store.jobs(SCOPE)) == [made]


async def test_make_sees_what_is_there(stage: Stage) -> None:
    seen: list[Job | None] = []

    def make(was: Job | None) -> Change:
        seen.append(was)
        return Change(spec("@daily" if was else "@hourly"))

    first = await stage.store.put(A, make)
    second = await stage.store.put(A, make)
    assert seen == [None, first]
    assert second.spec["schedule"] == "@daily"
    assert (second.uid, second.created, second.generation) == (first.uid, first.created, first.generation + 1)
    assert int(second.version) > int(first.version)


async def test_a_put_replaces_all_but_peoples_labels(stage: Stage) -> None:
    old = Change(spec(retry={"limit": 2}, suspend=True), {"owner": "x"}, {"team": "bi"})
    await stage.store.put(A, wanting(old))
    made = await put(stage)
    assert "retry" not in made.spec
    assert not made.spec.get("suspend")
    assert made.document == {}
    assert made.labels["team"] == "bi"


async def test_what_make_raises_travels_on_and_nothing_is_written(stage: Stage) -> None:
    def refuse(was: Job | None) -> Change:
        raise Invalid("no", "name")

    with pytest.raises(Invalid):
        await stage.store.put(A, refuse)
    assert list(await stage.store.jobs(SCOPE)) == []
    before = await put(stage)
    with pytest.raises(Invalid):
        await stage.store.put(A, refuse)
    assert await stage.store.describe(A.key) == before


async def test_a_document_beyond_the_limit_is_refused_and_nothing_is_written(stage: Stage) -> None:
    with pytest.raises(TooLarge):
        await put(stage, document={"a": "x" * 70_000}, secrets={"password": b"p"})
    assert list(await stage.store.jobs(SCOPE)) == []
    assert await stage.secret(A.key) == {}


async def test_jobs_are_those_of_the_scope_sorted_by_id(stage: Stage) -> None:
    scopes = [SCOPE, Scope("default", "dkron", "t"), Scope("default", "gua")]
    for scope in scopes:
        for ident in ("b", "a_b", "a", "ä"):
            await put(stage, Naming(scope, ident))
    for scope in scopes:
        found = await stage.store.jobs(scope)
        assert [job.id for job in found] == ["a", "a_b", "b", "ä"]
        assert {job.naming.scope for job in found} == {scope}


async def test_unknown_jobs_are_unknown_to_every_verb(stage: Stage) -> None:
    store, key = stage.store, A.key
    calls = [
        store.describe(key),
        store.change(key, lambda job: None),
        store.remove(key),
        store.trigger(key),
        store.run(key, "x"),
        store.stop(key, "x"),
        store.forget(key),
    ]
    for call in calls:
        with pytest.raises(Unknown):
            await call
    assert list(await store.runs(key)) == []


async def test_a_change_is_of_what_is_there(stage: Stage) -> None:
    await put(stage, document={"owner": "x"})
    await stage.edit(A.key, schedule="@weekly")
    made = await stage.store.change(A.key, lambda job: Change(job.spec | {"suspend": True}, job.document))
    assert (made.spec["schedule"], made.spec["suspend"], made.document) == ("@weekly", True, {"owner": "x"})
    assert await stage.store.describe(A.key) == made


async def test_no_change_writes_nothing(stage: Stage) -> None:
    made = await put(stage)
    assert await stage.store.change(A.key, lambda job: None) == made
    assert (await stage.store.describe(A.key)).version == made.version


async def test_changes_at_once_all_happen(stage: Stage) -> None:
    await put(stage, document={"n": 0})

    async def count() -> None:
        await stage.store.change(A.key, lambda job: Change(job.spec, {"n": job.document["n"] + 1}))

    await asyncio.gather(*(count() for _ in range(5)))
    assert (await stage.store.describe(A.key)).document == {"n": 5}


async def test_puts_at_once_make_one_job(stage: Stage) -> None:
    made = await asyncio.gather(*(put(stage, document={"n": number}) for number in range(5)))
    assert len({job.uid for job in made}) == 1
    assert len(await stage.store.jobs(SCOPE)) == 1


async def test_the_operators_status_is_read(stage: Stage) -> None:
    await put(stage)
    await stage.tell(A.key, counts={"succeeded": 3}, nextRuns=["2026-03-01T13:00:00Z"])
    job = await stage.store.describe(A.key)
    assert job.known.counts.succeeded == 3
    assert job.known.next_runs[0].hour == 13


async def test_a_put_keeps_the_status(stage: Stage) -> None:
    await put(stage)
    await stage.tell(A.key, counts={"succeeded": 3})
    assert (await put(stage, document={"x": 1})).known.counts.succeeded == 3


async def test_a_removed_job_is_gone_with_its_runs_and_secret(stage: Stage) -> None:
    made = await put(stage, secrets={"password": b"p"})
    await stage.ran(A.key, "a-1", phase="Succeeded")
    assert (await stage.store.remove(A.key)).uid == made.uid
    assert list(await stage.store.jobs(SCOPE)) == []
    with pytest.raises(Unknown):
        await stage.store.remove(A.key)
    assert await stage.secret(A.key) == {}
    again = await put(stage)
    assert again.uid != made.uid
    assert list(await stage.store.runs(A.key)) == []


async def test_secrets_are_written_replaced_kept_and_removed(stage: Stage) -> None:
    await put(stage, secrets={"password": b"one", "token": b"t"})
    assert await stage.secret(A.key) == {"password": b"one", "token": b"t"}
    await put(stage, secrets={"password": b"two"})
    assert await stage.secret(A.key) == {"password": b"two"}
    await put(stage, secrets=None)
    assert await stage.secret(A.key) == {"password": b"two"}
    await put(stage)
    assert await stage.secret(A.key) == {}


async def test_a_triggered_run_is_seen_at_once(stage: Stage) -> None:
    await put(stage)
    run = await stage.store.trigger(A.key)
    assert (run.task, run.wanted.trigger, run.ended) == ("dkron-a", "Manual", False)
    assert [each.key for each in await stage.store.runs(A.key)] == [run.key]
    assert [each.key for each in await stage.store.active(SCOPE)] == [run.key]
    assert await stage.store.run(A.key, run.key.name) == run


async def test_runs_triggered_in_the_same_second_are_different(stage: Stage) -> None:
    await put(stage)
    runs = [await stage.store.trigger(A.key) for _ in range(3)]
    assert len({run.key for run in runs}) == 3


async def test_overrides_are_handed_on(stage: Stage) -> None:
    await stage.store.put(A, wanting(Change(spec(overridable=["Env"]))))
    run = await stage.store.trigger(A.key, Overrides(env=[EnvVar(name="A", value="1")]))
    assert run.wanted.overrides is not None
    assert run.wanted.overrides.env == [EnvVar(name="A", value="1")]


async def test_runs_are_those_of_the_job_by_their_begin(stage: Stage) -> None:
    await put(stage)
    await put(stage, Naming(SCOPE, "a-b"))
    await stage.ran(A.key, "late", phase="Succeeded", startedAt="2026-03-01T12:00:02Z", output="late")
    await stage.ran(A.key, "early", phase="Failed", startedAt="2026-03-01T12:00:01.5Z", output="early")
    await stage.ran(A.key, "now", phase="Running", startedAt="2026-03-01T12:00:03Z")
    await stage.ran(Naming(SCOPE, "a-b").key, "other", phase="Running", startedAt="2026-03-01T12:00:00Z")
    found = await stage.store.runs(A.key)
    assert [(run.key.name, run.known.output) for run in found] == [("early", "early"), ("late", "late"), ("now", None)]
    assert [run.key.name for run in await stage.store.active(SCOPE)] == ["other", "now"]
    assert (await stage.store.run(A.key, "late")).known.output == "late"
    with pytest.raises(Unknown):
        await stage.store.run(A.key, "other")


async def test_a_stop_is_wished_once_and_only_of_what_has_not_ended(stage: Stage) -> None:
    await put(stage)
    await stage.ran(A.key, "ended", phase="Succeeded")
    await stage.ran(A.key, "runs", phase="Running")
    for name in ("ended", "runs", "runs"):
        await stage.store.stop(A.key, name)
    assert (await stage.store.run(A.key, "runs")).wanted.stop
    assert not (await stage.store.run(A.key, "ended")).wanted.stop


async def test_ended_runs_can_be_forgotten(stage: Stage) -> None:
    await put(stage)
    await put(stage, Naming(SCOPE, "b"))
    await stage.ran(A.key, "ended", phase="Failed")
    await stage.ran(A.key, "runs", phase="Running", startedAt="2026-03-01T12:00:00Z")
    await stage.ran(Naming(SCOPE, "b").key, "others", phase="Failed")
    await stage.store.forget(A.key)
    assert [run.key.name for run in await stage.store.runs(A.key)] == ["runs"]
    assert [run.key.name for run in await stage.store.runs(Naming(SCOPE, "b").key)] == ["others"]
    await stage.ran(A.key, "later", phase="Failed", startedAt="2026-03-02T12:00:00Z")
    assert [run.key.name for run in await stage.store.runs(A.key)] == ["runs", "later"]


async def test_switches_are_off_until_they_are_on(stage: Stage) -> None:
    store = stage.store
    assert not await store.flag("dkron.paused")
    for on in (True, True, False, False, True):
        await store.set_flag("dkron.paused", on)
        assert await store.flag("dkron.paused") is on
    assert not await store.flag("gua.paused")


async def test_the_operators_replicas_are_told(stage: Stage) -> None:
    assert (list(await stage.store.members()), await stage.store.leader()) == ([], None)
    leader, other = Member("op-2", None, 1), Member("op-1", None, 0)
    await stage.lead(leader, other)
    found = await stage.store.members()
    assert [(member.name, member.shards) for member in found] == [("op-1", 0), ("op-2", 1)]
    told = await stage.store.leader()
    assert told is not None
    assert told.name == "op-2"


async def test_the_secrets_of_a_job_are_read_as_they_are_now(stage: Stage) -> None:
    assert await stage.store.secrets(A.key) == {}
    await put(stage, secrets={"password": b"one", "user": b""})
    assert dict(await stage.store.secrets(A.key)) == {"password": b"one", "user": b""}
    await put(stage, secrets={"password": b"two"})
    assert dict(await stage.store.secrets(A.key)) == {"password": b"two"}
    await put(stage, secrets=None)
    assert dict(await stage.store.secrets(A.key)) == {"password": b"two"}
    await stage.store.remove(A.key)
    assert await stage.store.secrets(A.key) == {}


async def test_a_note_is_a_scopes_own_and_read_as_it_was_changed(stage: Stage) -> None:
    other = Scope("default", "dkron", "acme")
    assert await stage.store.note(SCOPE, "folders") == {}
    made = await stage.store.change_note(SCOPE, "folders", lambda was: was | {"1": "Nächtlich"})
    assert made == {"1": "Nächtlich"} == await stage.store.note(SCOPE, "folders")
    assert await stage.store.change_note(SCOPE, "folders", lambda was: {**was, "2": [1, {"a": None}]}) == {
        "1": "Nächtlich",
        "2": [1, {"a": None}],
    }
    assert await stage.store.change_note(SCOPE, "folders", lambda was: None) == await stage.store.note(SCOPE, "folders")
    assert (await stage.store.note(other, "folders"), await stage.store.note(SCOPE, "ids")) == ({}, {})


async def test_what_the_change_of_a_note_raises_travels_on_and_nothing_is_written(stage: Stage) -> None:
    def refuse(was: Any) -> Any:
        was["x"] = 1
        raise Invalid("no", "name")

    await stage.store.change_note(SCOPE, "n", lambda was: {"a": 1})
    with pytest.raises(Invalid):
        await stage.store.change_note(SCOPE, "n", refuse)
    with pytest.raises(TooLarge):
        await stage.store.change_note(SCOPE, "n", lambda was: {"a": "x" * 200_000})
    assert await stage.store.note(SCOPE, "n") == {"a": 1}


async def test_changes_of_a_note_at_once_are_made_one_after_the_other(stage: Stage) -> None:
    def count(was: Any) -> Any:
        return {"n": was.get("n", 0) + 1}

    made = await asyncio.gather(*(stage.store.change_note(SCOPE, "n", count) for _ in range(10)))
    assert sorted(each["n"] for each in made) == list(range(1, 11))
