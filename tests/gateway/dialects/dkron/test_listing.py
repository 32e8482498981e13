"""Filters, order and slices of the lists, as the web UI and other clients ask for them."""

from collections.abc import Sequence
from typing import Any

import pytest
from fakes.dkron import NEVER, Dkron
from fakes.store import MemoryStore

COUNTED = {
    "alpha": {"counts": {"succeeded": 3, "failed": 2}, "lastSuccessfulTime": "2026-02-01T00:00:00Z"},
    "beta": {"counts": {"succeeded": 9}, "lastSuccessfulTime": "2026-02-03T00:00:00Z"},
    "gamma": {"counts": {"failed": 7}, "lastFailedTime": "2026-02-02T00:00:00Z"},
}
ENDED = {
    "alpha": {"name": "x", "phase": "Succeeded", "trigger": "Schedule"},
    "gamma": {"name": "y", "phase": "Failed", "trigger": "Schedule"},
}


@pytest.fixture
async def dkron() -> Dkron:
    """Four jobs: two that have run, one that has counts of earlier, one that is new and disabled."""
    made = Dkron()
    await made.stored("gamma", schedule="0 0 3 * * *", displayname="The first")
    await made.stored("alpha", schedule="0 0 1 * * *", displayname="the second")
    await made.stored("beta", schedule="0 0 2 * * *", displayname="Zeta")
    await made.stored("delta", schedule="@manually", disabled=True)
    for name, status in COUNTED.items():
        last = {"lastExecution": ENDED[name]} if name in ENDED else {}
        await made.stage.tell(made.naming(name).key, **status, **last)
    return made


def ids(items: Sequence[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in items]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["alpha", "beta", "delta", "gamma"]),
        ("q=eta", ["beta"]),
        ("q=The", ["gamma"]),
        ("q=the", ["alpha"]),
        ("q=ta", ["beta", "delta"]),
        ("q=", ["alpha", "beta", "delta", "gamma"]),
        ("status=success", ["alpha"]),
        ("status=failed", ["gamma"]),
        ("status=untriggered", ["beta", "delta"]),
        ("status=running", []),
        ("status=", ["alpha", "beta", "delta", "gamma"]),
        ("disabled=true", ["delta"]),
        ("disabled=false", ["alpha", "beta", "gamma"]),
        ("disabled=TRUE", []),
        ("disabled=1", []),
        ("disabled=false&status=untriggered&q=e", ["beta"]),
        ("id=alpha&id=beta&name=beta", ["alpha", "beta", "delta", "gamma"]),
    ],
)
async def test_filters(dkron: Dkron, query: str, found: list[str]) -> None:
    answer = await dkron.get(f"/jobs?{query}")
    assert (ids(answer.json), answer.headers["x-total-count"]) == (found, str(len(found)))


@pytest.mark.parametrize(
    ("by", "found"),
    [
        ("id", ["alpha", "beta", "delta", "gamma"]),
        ("name", ["alpha", "beta", "delta", "gamma"]),
        ("displayname", ["delta", "gamma", "beta", "alpha"]),
        ("schedule", ["alpha", "beta", "gamma", "delta"]),
        ("success_count", ["delta", "gamma", "alpha", "beta"]),
        ("error_count", ["beta", "delta", "alpha", "gamma"]),
        ("last_success", ["delta", "gamma", "alpha", "beta"]),
        ("last_error", ["alpha", "beta", "delta", "gamma"]),
        ("next", ["delta", "alpha", "beta", "gamma"]),
        ("status", ["alpha", "beta", "delta", "gamma"]),
        ("no_such_member", ["alpha", "beta", "delta", "gamma"]),
        ("", ["alpha", "beta", "delta", "gamma"]),
    ],
)
async def test_order(dkron: Dkron, by: str, found: list[str]) -> None:
    assert ids((await dkron.get(f"/jobs?_sort={by}")).json) == found
    assert ids((await dkron.get(f"/jobs?_sort={by}&_order=desc")).json) == found
    assert ids((await dkron.get(f"/jobs?_sort={by}&_order=DESC")).json) == found[::-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("_start=1", ["beta", "delta", "gamma"]),
        ("_end=2", ["alpha", "beta"]),
        ("_start=1&_end=2", ["beta"]),
        ("_start=3&_end=100", ["gamma"]),
        ("_start=4", []),
        ("_start=400&_end=500", []),
        ("_start=2&_end=1", []),
        ("_start=-1", []),
        ("_start=0&_end=-1", []),
        ("_start=x", ["alpha", "beta", "delta", "gamma"]),
        ("_end=x", []),
        ("_end=", []),
        ("_start=%2B1", ["beta", "delta", "gamma"]),
        ("_start=99999999999999999999", ["alpha", "beta", "delta", "gamma"]),
        ("_sort=next&_order=DESC&_start=0&_end=1", ["gamma"]),
    ],
)
async def test_slices(dkron: Dkron, query: str, found: list[str]) -> None:
    answer = await dkron.get(f"/jobs?{query}")
    assert (answer.status, ids(answer.json), answer.headers["x-total-count"]) == (200, found, "4")


async def test_the_next_run_moves_on_with_the_clock(dkron: Dkron) -> None:
    assert (await dkron.get("/jobs/alpha")).json["next"] == "2026-03-02T01:00:00Z"
    dkron.stage.clock.advance(13 * 3600)
    assert (await dkron.get("/jobs/alpha")).json["next"] == "2026-03-03T01:00:00Z"
    assert [each["next"] for each in (await dkron.get("/jobs?_sort=next")).json] == [
        NEVER,
        "2026-03-02T02:00:00Z",
        "2026-03-02T03:00:00Z",
        "2026-03-03T01:00:00Z",
    ]


async def test_what_a_list_has_told_before_does_not_outlive_a_change(dkron: Dkron) -> None:
    async def shown(query: str = "") -> dict[str, Any]:
        found = {each["id"]: each for each in (await dkron.get(f"/jobs{query}")).json}
        assert found == {name: (await dkron.get(f"/jobs/{name}")).json for name in found}
        return found

    assert (await shown())["alpha"]["dependent_jobs"] is None
    await dkron.stored("child", parent_job="alpha", schedule="")
    assert (await shown())["alpha"]["dependent_jobs"] == ["child"]
    await dkron.stage.tell(dkron.naming("alpha").key, counts={"succeeded": 4, "failed": 2})
    assert (await shown())["alpha"]["success_count"] == 4
    await dkron.delete("/jobs/child")
    dkron.stage.clock.advance(24 * 3600)
    after = await shown()
    assert (after["alpha"]["dependent_jobs"], after["alpha"]["next"]) == (None, "2026-03-03T01:00:00Z")
    assert await shown("?pretty") == after


ATTEMPTS = [
    {"number": 1, "startedAt": "2026-03-01T11:00:00Z", "finishedAt": "2026-03-01T11:00:09Z", "reason": "NonZeroExit"},
    {"number": 2, "startedAt": "2026-03-01T11:00:10Z", "finishedAt": "2026-03-01T11:00:11Z", "reason": "Completed"},
]


@pytest.fixture
async def history(dkron: Dkron) -> Dkron:
    """Two runs, the earlier one of two attempts, and one under way."""
    await dkron.ran("alpha", "a", phase="Succeeded", attempts=ATTEMPTS, output="ä" * 10)
    short = {"number": 1, "startedAt": "2026-03-01T11:00:05Z", "finishedAt": "2026-03-01T11:00:06Z"}
    await dkron.ran("alpha", "b", phase="Succeeded", attempts=[short | {"reason": "Completed"}])
    await dkron.ran("alpha", "c", phase="Running", attempts=[{"number": 1, "startedAt": "2026-03-01T11:59:59.25Z"}])
    return dkron


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["11:59:59.25", "11:00:10", "11:00:05", "11:00:00"]),
        ("_order=ASC", ["11:00:00", "11:00:05", "11:00:10", "11:59:59.25"]),
        ("_order=", ["11:00:00", "11:00:05", "11:00:10", "11:59:59.25"]),
        ("_sort=id&_order=DESC", ["11:59:59.25", "11:00:10", "11:00:05", "11:00:00"]),
        ("_sort=started_at&_order=ASC", ["11:00:00", "11:00:05", "11:00:10", "11:59:59.25"]),
        ("_sort=finished_at&_order=ASC", ["11:59:59.25", "11:00:05", "11:00:00", "11:00:10"]),
        ("_sort=attempt", ["11:00:10"]),
        ("_sort=output", ["11:59:59.25", "11:00:10", "11:00:05", "11:00:00"]),
        ("_start=1&_end=2", ["11:59:59.25", "11:00:10", "11:00:05", "11:00:00"]),
    ],
)
async def test_executions_are_sorted_and_never_sliced(history: Dkron, query: str, found: list[str]) -> None:
    answer = await history.get(f"/jobs/alpha/executions?{query}")
    times = [each["started_at"].removeprefix("2026-03-01T").removesuffix("Z") for each in answer.json]
    assert times[: len(found)] == found
    assert (len(times), answer.headers["x-total-count"]) == (4, "4")


async def test_attempts_of_a_run_share_a_group(history: Dkron) -> None:
    found = (await history.get("/jobs/alpha/executions?_sort=attempt")).json
    groups = [each["group"] for each in found if each["started_at"] in ("2026-03-01T11:00:10Z", "2026-03-01T11:00:00Z")]
    assert len(groups) == 2
    assert len(set(groups)) == 1
    assert len({each["group"] for each in found}) == 3
    assert [each["attempt"] for each in found] == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("limit", "output", "truncated"),
    [
        ("20", "ä" * 10, False),
        ("19", "ä" * 9, True),
        ("3", "ä", True),
        ("1", None, True),
        ("0", None, True),
        ("+4", "ä" * 10, False),  # a plus in a query is a blank
        ("%2B4", "ää", True),
        ("-1", "ä" * 10, False),
        ("many", "ä" * 10, False),
        ("", "ä" * 10, False),
    ],
)
async def test_outputs_are_cut_at_whole_characters(
    history: Dkron, limit: str, output: str | None, truncated: bool
) -> None:
    found = (await history.get(f"/jobs/alpha/executions?output_size_limit={limit}")).json
    second = next(each for each in found if each["attempt"] == 2)
    assert (second.get("output"), second["output_truncated"]) == (output, truncated)


async def test_a_list_tells_times_by_the_jobs_zone_and_one_execution_in_utc(history: Dkron) -> None:
    await history.stored("alpha", timezone="Europe/Madrid")
    found = (await history.get("/jobs/alpha/executions")).json
    assert found[0]["started_at"] == "2026-03-01T12:59:59.25+01:00"
    assert (found[0]["finished_at"], found[1]["finished_at"]) == (NEVER, "2026-03-01T12:00:11+01:00")
    one = (await history.get(f"/jobs/alpha/executions/{found[1]['id']}")).json
    assert one["finished_at"] == "2026-03-01T11:00:11Z"
    await history.stage.edit(history.naming("alpha").key, timeZone="Nowhere/Else")
    assert (await history.get("/jobs/alpha/executions")).json[0]["started_at"] == "2026-03-01T11:59:59.25Z"


async def test_the_newest_hundred_are_listed(dkron: Dkron) -> None:
    assert isinstance(dkron.stage.store, MemoryStore)
    for number in range(110):
        times = {"startedAt": f"2026-03-01T10:{number // 60:02}:{number % 60:02}Z"}
        dkron.stage.store.ran(dkron.naming("beta").key, f"run-{number}", phase="Succeeded", **times)
    found = (await dkron.get("/jobs/beta/executions?_order=ASC")).json
    assert (len(found), found[0]["started_at"]) == (100, "2026-03-01T10:00:10Z")


async def test_nothing_runs_at_first(dkron: Dkron) -> None:
    answer = await dkron.get("/busy")
    assert (answer.status, answer.body, answer.headers["x-total-count"]) == (200, b"[]", "0")


async def test_busy_shows_what_runs_the_oldest_first(history: Dkron) -> None:
    await history.post("/jobs/beta")
    found = (await history.get("/busy")).json
    assert [(each["job_name"], each["started_at"]) for each in found] == [
        ("alpha", "2026-03-01T11:59:59.25Z"),
        ("beta", "2026-03-01T12:00:00Z"),
    ]
    await history.ran("alpha", "d", phase="Running", attempts=ATTEMPTS[:1])  # it waits for its second attempt
    assert (await history.get("/busy")).json == found
