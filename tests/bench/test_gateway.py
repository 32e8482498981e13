"""The row `gateway`: what its requests ask for, how the gateway is started, and the lines."""

import random  # noqa: TID251 - seeded
from dataclasses import replace

import pytest
from bench.figures import Spread
from bench.gateway import SPACE, environment, series
from bench.kinds import KINDS, PROMPT, Stock
from bench.lines import Line
from bench.rows.gateway import Window, lines

from crontask_gateway.settings import read_settings

STOCK = Stock(jobs=200, busy=50, schedule="0 0 0 * * *", url="http://127.0.0.1:1/")
FAST = Spread.of([0.01] * 100)
WINDOW = Window(dict.fromkeys(KINDS, FAST), 0, FAST, 64 * 2**20, 3.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_on_a_request_and_its_answer_is_known(kind: str) -> None:
    asked = KINDS[kind](STOCK, random.Random(7))
    assert asked == KINDS[kind](STOCK, random.Random(7))
    assert asked.fits(asked.status, asked.total)
    assert not asked.fits(500, asked.total)
    assert bool(asked.total) == kind.startswith("list")


def test_a_filtered_list_counts_the_jobs_of_one_team_among_those_that_wait() -> None:
    [kind] = [kind for kind in KINDS if "filtered" in kind]
    assert KINDS[kind](STOCK, random.Random(1)).total == "3"
    teams = [STOCK.idle(n)["metadata"]["team"] for n in range(STOCK.busy, STOCK.jobs)]
    assert teams.count("t7") == 3


def test_only_jobs_that_wait_are_changed_and_run() -> None:
    chance = random.Random(3)
    for _ in range(200):
        body = KINDS["upsert"](STOCK, chance).body
        assert body is not None
        assert STOCK.busy <= int(body["name"].removeprefix("job-")) < STOCK.jobs
        assert STOCK.busy <= int(KINDS["run"](STOCK, chance).path.removeprefix("/v1/jobs/job-")) < STOCK.jobs


def test_the_gateway_is_told_where_to_serve_and_is_otherwise_as_it_comes() -> None:
    told = read_settings(environment(8081, 9111, {"CONNECTIONS": "10500"}))
    mount = told.dialects["dkron"]
    assert (mount.port, mount.namespace, mount.open) == (8081, SPACE, True)
    assert (told.metrics_address, told.connections) == ("127.0.0.1:9111", 10_500)
    assert told.header_seconds == read_settings({}).header_seconds


def test_a_series_is_found_by_its_whole_name() -> None:
    text = "# TYPE jobs gauge\njobs_total 3.0\njobs 5.0\n"
    assert series(text, "jobs") == 5.0
    with pytest.raises(ValueError, match="no series job"):
        series(text, "job")


QUIET = replace(WINDOW, executions=None)


def judged(quiet: list[Window], loaded: list[Window]) -> dict[str, Line]:
    """The lines by their measures, less the words that all share."""
    return {line.measure.removeprefix("Dkron's API with 5000 jobs"): line for line in lines(5000, 150.0, quiet, loaded)}


@pytest.mark.parametrize("under", ["", " under 100 executions a second"])
def test_the_design_s_limits_are_judged_by_the_median_of_the_repetitions(under: str) -> None:
    slow = replace(WINDOW, seconds=dict.fromkeys(KINDS, Spread.of([0.2] * 100)))
    found = judged([QUIET, replace(slow, executions=None), QUIET], [WINDOW, slow, WINDOW])
    assert {kind for kind in KINDS if found[f"{under}: {kind}"].goals} == PROMPT
    assert all(goal.met for line in found.values() for goal in line.goals)
    assert found[" under 100 executions a second: the gateway's memory"].ours.values == (64.0, 64.0, 64.0)
    found = judged([slow, slow, QUIET], [slow, slow, WINDOW])
    assert not any(goal.met for kind in PROMPT for goal in found[f"{under}: {kind}"].goals)


def test_one_wrong_answer_is_one_too_many() -> None:
    found = judged([QUIET, replace(QUIET, wrong=1)], [WINDOW])
    assert not found[": wrong answers"].goals[0].met
    assert found[" under 100 executions a second: wrong answers"].goals[0].met


def test_executions_are_judged_under_load_alone() -> None:
    assert [name for name in judged([QUIET], [WINDOW]) if name.endswith("their lateness")] == [
        " under 100 executions a second: their lateness"
    ]
