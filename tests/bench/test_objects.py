"""The objects of the rows: valid tasks, the same pods for both sides, schedules that are due when they should be."""

import copy
from datetime import UTC, datetime

import pytest
from bench.objects import cronjob, daily, http_action, pod_action, pod_template, task

from crontask_core.model import TaskSpec

NOON = datetime(2026, 11, 22, 12, 30, 7, tzinfo=UTC).timestamp()


def test_both_sides_get_the_same_pod_and_no_node_gets_it() -> None:
    ours = task("t", "* * * * *", pod_action())["spec"]["pod"]["template"]
    theirs = cronjob("t", "* * * * *")["spec"]["jobTemplate"]["spec"]["template"]
    assert ours == theirs == pod_template()
    assert ours["spec"]["schedulingGates"]


@pytest.mark.parametrize("action", [pod_action(), http_action("http://127.0.0.1:1/bench")])
def test_tasks_are_what_the_operator_reads(action: dict[str, object]) -> None:
    spec = TaskSpec.model_validate(task("t", daily(NOON, seconds=True), copy.deepcopy(action))["spec"])
    assert spec.schedule == "7 30 12 * * *"


def test_a_cronjob_is_due_at_whole_minutes_only() -> None:
    assert daily(NOON - 7, seconds=False) == "30 12 * * *"
    with pytest.raises(ValueError, match="whole minutes"):
        daily(NOON, seconds=False)
