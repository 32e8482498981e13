"""Jobs of Dkron's that depend on others, written by several clients at the same moment, on each store."""

import asyncio

from fakes.dkron import Dkron
from fakes.stages import Stage


async def test_two_jobs_do_not_become_the_parents_of_each_other(stage: Stage) -> None:
    dkron = Dkron(stage)
    for n in range(5):
        one, other = f"one{n}", f"other{n}"
        await dkron.stored(one)
        await dkron.stored(other)
        answers = await asyncio.gather(dkron.put(one, parent_job=other), dkron.put(other, parent_job=one))
        assert sorted(answer.status for answer in answers) == [201, 400]
        assert "depends on" in max(answers, key=lambda answer: answer.status).text


async def test_a_job_is_not_deleted_while_another_one_takes_it_as_its_parent(stage: Stage) -> None:
    dkron = Dkron(stage)
    for n in range(10):
        parent, child = f"parent{n}", f"child{n}"
        await dkron.stored(parent)

        async def delete_later(turns: int, path: str) -> int:
            for _ in range(turns):
                await asyncio.sleep(0)
            return (await dkron.delete(path)).status

        put, deleted = await asyncio.gather(dkron.put(child, parent_job=parent), delete_later(n, f"/jobs/{parent}"))
        assert (put.status, deleted) in ((201, 404), (404, 200))
        assert (await dkron.get(f"/jobs/{child}")).status == (200 if put.status == 201 else 404)


async def test_a_parent_that_kubectl_has_named_is_sent_back_as_it_was_read(stage: Stage) -> None:
    dkron = Dkron(stage)
    await dkron.stored("job")
    await stage.edit(dkron.naming("job").key, after=[{"task": "nightly-etl", "when": "Success"}])
    seen = (await dkron.get("/jobs/job")).json
    assert seen["parent_job"] == "nightly-etl"
    assert (await dkron.post("/jobs", seen)).status == 201
    assert (await dkron.post("/jobs", seen | {"parent_job": "hourly-etl"})).status == 404
