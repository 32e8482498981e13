"""`kubectl crontask why`: from a cluster's objects to what people and programs read."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fakes.apiserver import FakeApiServer

from crontask_cli.telling import Paint
from crontask_core.names import API_VERSION
from crontask_kube.resources import CALENDARS, EXECUTIONS, GROUPS, TASKS

Run = Callable[..., tuple[int, str, str]]
CREATED = "2026-03-01T00:00:00Z"
FAILED = {
    "phase": "Failed",
    "reason": "Error",
    "latenessMilliseconds": 12,
    "startedAt": "2026-03-02T11:00:00.012Z",
    "finishedAt": "2026-03-02T11:00:20Z",
    "attempts": [
        {
            "number": 1,
            "startedAt": "2026-03-02T11:00:00.012Z",
            "finishedAt": "2026-03-02T11:00:04.212Z",
            "exitCode": 3,
            "reason": "Error",
            "message": "no such table",
        },
        {"number": 2, "startedAt": "2026-03-02T11:00:14Z", "finishedAt": "2026-03-02T11:00:20Z", "httpStatus": 500},
    ],
}


def entry(first: str, last: str, outcome: str, reason: str | None = None, count: int = 1) -> dict[str, Any]:
    return {"first": first, "last": last, "outcome": outcome, "reason": reason, "count": count}


@pytest.fixture
def task(cluster: FakeApiServer) -> Callable[..., None]:
    """Puts the task `report`, daily at noon in Berlin, with a ledger from the 1st to the 5th of March."""

    def put(status: dict[str, Any] | None = None, **spec: Any) -> None:
        ledger = [
            entry("2026-03-01T11:00:00Z", "2026-03-03T11:00:00Z", "Started", count=3),
            entry("2026-03-04T11:00:00Z", "2026-03-05T11:00:00Z", "Skipped", "Overlap", 2),
        ]
        told = {"ledger": ledger, "ledgerSince": CREATED, "watermark": "2026-03-05T11:00:00Z"} | (status or {})
        body = {"schedule": "0 12 * * *", "timeZone": "Europe/Berlin", "concurrencyPolicy": "Forbid"}
        body |= {"http": {"url": "http://a/"}}
        cluster.put(
            TASKS,
            {"apiVersion": API_VERSION, "metadata": {"name": "report"}, "spec": body | spec, "status": told},
            "team",
        )
        cluster.object(TASKS, "report", "team")["metadata"]["creationTimestamp"] = CREATED

    return put


def execution(name: str, at: str | None, status: dict[str, Any], of: str = "report") -> dict[str, Any]:
    spec = {"taskRef": {"name": of}, "trigger": "Schedule" if at else "Manual"} | ({"scheduledAt": at} if at else {})
    return {"metadata": {"name": name}, "spec": spec, "status": status}


def test_an_instant_and_its_execution(
    cluster: FakeApiServer, kubeconfig: str, task: Callable[..., None], program: Run
) -> None:
    task()
    cluster.put(EXECUTIONS, execution("report-20260302110000", "2026-03-02T11:00:00Z", FAILED), "team")
    cluster.put(EXECUTIONS, execution("other-20260302110000", "2026-03-02T11:00:00Z", FAILED, of="other"), "team")
    code, out, err = program("why", "report", "2026-03-02", "12:00", "--kubeconfig", kubeconfig)
    assert (code, err) == (0, "")
    assert out == (
        "report in team, times in Europe/Berlin\n"
        "\n"
        "2026-03-02 12:00:00+01:00  Started, 12 ms late\n"
        "  It was started on time. Its execution failed after 2 attempts (Error).\n"
        "\n"
        "  report-20260302110000  Failed (Error), trigger Schedule\n"
        "    attempt 1  12:00:00, 4.2 s  exit code 3  Error\n"
        "      no such table\n"
        "    attempt 2  12:00:14, 6.0 s  HTTP 500\n"
    )


def test_a_time_at_which_nothing_was_due(kubeconfig: str, task: Callable[..., None], program: Run) -> None:
    task()
    assert program("why", "task/report", "2026-03-04 09:00", "--kubeconfig", kubeconfig) == (
        0,
        "report in team, times in Europe/Berlin\n"
        "\n"
        "2026-03-04 09:00:00+01:00  nothing due\n"
        "  Not due: the schedule has no instant then.\n"
        "\n"
        "  before 2026-03-03 12:00:00+01:00  Started\n"
        "  after  2026-03-04 12:00:00+01:00  Skipped (Overlap)\n",
        "",
    )


def test_programs_read_json(kubeconfig: str, task: Callable[..., None], program: Run) -> None:
    task()
    code, out, _ = program("why", "report", "2026-03-05T11:00:00Z", "-o", "json", "--kubeconfig", kubeconfig)
    answer = json.loads(out)
    assert (code, answer["namespace"], answer["task"], answer["timeZone"]) == (0, "team", "report", "Europe/Berlin")
    (told,) = answer["answers"][0]["instants"]
    assert (told["instant"], told["verdict"], told["reason"]) == ("2026-03-05T11:00:00Z", "Skipped", "Overlap")
    assert told["sentence"].startswith("It was skipped: an execution was still running")


def test_the_next_instant_meets_a_frozen_group_and_a_calendar(
    cluster: FakeApiServer, kubeconfig: str, task: Callable[..., None], program: Run
) -> None:
    task(group="night", exclude=["always"])
    always = {"dates": [], "weekly": [{"start": "00:00", "end": "24:00"}]}
    cluster.put(CALENDARS, {"metadata": {"name": "always"}, "spec": always}, "team")
    _, out, _ = program("why", "report", "next", "--kubeconfig", kubeconfig)
    assert "Due (Calendar)" in out
    cluster.put(GROUPS, {"metadata": {"name": "night"}, "spec": {"freezeCalendars": ["always"]}}, "team")
    _, out, _ = program("why", "report", "next", "--kubeconfig", kubeconfig)
    assert "Due (Frozen)" in out


def test_a_time_that_was_shown_twice_has_two_answers(kubeconfig: str, task: Callable[..., None], program: Run) -> None:
    task()
    _, out, _ = program("why", "report", "2025-10-26 02:30", "--kubeconfig", kubeconfig)
    assert out.count("The task did not exist yet") == 2
    assert out.count("The clocks of Europe/Berlin showed 02:30 twice on that day.") == 1


def test_a_task_that_cannot_run_still_answers(kubeconfig: str, task: Callable[..., None], program: Run) -> None:
    task(schedule="0 0 30 2 *")
    code, out, _ = program("why", "report", "2026-03-04 09:00", "--kubeconfig", kubeconfig)
    assert code == 0
    assert 'The task is not ready: spec.schedule: "0 0 30 2 *" never fires' in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["nothing"],
            1,
            'there is no CronTask "nothing" in namespace team; choose another name, or another namespace with -n',
        ),
        (["report", "-n", "b"], 1, 'there is no CronTask "report" in namespace b'),
        (["report", "--context", "other"], 1, 'there is no CronTask "report" in namespace elsewhere'),
        (["report", "--context", "missing"], 1, "kubeconfig"),
        (["report", "soon"], 2, 'TIME: "soon" is not a time; write last, next, 09:30'),
        ([], 2, "[TIME ...]"),
        ([], 2, "the following arguments are required: TASK\n"),
    ],
)
def test_what_cannot_be_answered(
    kubeconfig: str, task: Callable[..., None], program: Run, arguments: list[str], code: int, said: str
) -> None:
    task()
    ended, out, err = program("why", *arguments, "--kubeconfig", kubeconfig)
    assert (ended, out) == (code, "")
    assert said in err


def test_a_task_that_runs_by_hand_alone(
    cluster: FakeApiServer, kubeconfig: str, task: Callable[..., None], program: Run
) -> None:
    task(schedule="@manual")
    code, out, _ = program("why", "report", "--kubeconfig", kubeconfig)
    assert (code, "nothing due\n  It runs by hand alone. It has not run yet." in out) == (0, True)
    cluster.put(EXECUTIONS, execution("now", None, {"phase": "Succeeded"}), "team")
    code, out, _ = program("why", "report", "--kubeconfig", kubeconfig)
    assert code == 0
    assert out.endswith("  execution\n  It runs by hand alone.\n\n  now  Succeeded, trigger Manual\n")


@pytest.mark.parametrize("name", ["gone", "now"])
def test_executions_of_a_task_that_is_gone(cluster: FakeApiServer, kubeconfig: str, program: Run, name: str) -> None:
    cluster.put(EXECUTIONS, execution("now", None, FAILED, of="gone"), "team")
    code, out, _ = program("why", name, "--kubeconfig", kubeconfig)
    assert (code, out.startswith("gone in team")) == (0, True)
    assert "The CronTask gone is not there any more; its execution now still is." in out
    assert "now  Failed (Error), trigger Manual" in out
    code, _, err = program("why", name, "12:00", "--kubeconfig", kubeconfig)
    assert (code, "leave TIME out" in err) == (2, True)


def test_the_name_of_an_execution(
    cluster: FakeApiServer, kubeconfig: str, task: Callable[..., None], program: Run
) -> None:
    task()
    cluster.put(EXECUTIONS, execution("report-20260302110000", "2026-03-02T11:00:00Z", FAILED), "team")
    cluster.put(EXECUTIONS, execution("now", None, FAILED), "team")
    _, out, _ = program("why", "report-20260302110000", "--kubeconfig", kubeconfig)
    assert "2026-03-02 12:00:00+01:00  Started, 12 ms late" in out
    _, out, _ = program("why", "now", "--kubeconfig", kubeconfig)
    assert "now  Failed (Error), trigger Manual" in out


def test_colours_are_for_terminals() -> None:
    assert Paint(True)("Started") == "\x1b[32mStarted\x1b[0m"
    assert Paint(False)("Started") == "Started"
