"""`kubectl crontask next` of tasks: from a cluster and from manifests, with what keeps instants from starting."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes.apiserver import FakeApiServer

from crontask_kube.resources import CALENDARS, TASKS

Run = Callable[..., tuple[int, str, str]]
FRIDAY = ["--from", "2026-03-27T06:00:00Z", "--count", "3"]


def body(kind: str, name: str, spec: dict[str, Any], **meta: str) -> dict[str, Any]:
    return {"apiVersion": "crontask.dev/v1beta1", "kind": kind, "metadata": {"name": name} | meta, "spec": spec}


def task(name: str = "report", **spec: Any) -> dict[str, Any]:
    return body("CronTask", name, {"schedule": "0 9 * * *", "http": {"url": "http://a/"}} | spec)


WEEKEND = body("CronTaskCalendar", "weekend", {"weekly": [{"days": ["Sat", "Sun"]}]})
GROUP = body("CronTaskGroup", "night", {"suspend": True})


@pytest.fixture
def shown(tmp_path: Path, program: Run) -> Callable[..., tuple[int, str, str]]:
    """What `next -f` shows of these objects, three instants from a Friday morning on."""

    def show(*bodies: Any) -> tuple[int, str, str]:
        path = tmp_path / "tasks.yaml"
        path.write_text(yaml.safe_dump_all(bodies))
        return program("next", "-f", str(path), *FRIDAY)

    return show


def test_calendars_of_the_file_are_marked(shown: Run) -> None:
    assert shown(task(exclude=["weekend"], timeZone="Europe/Berlin"), WEEKEND) == (
        0,
        "report in default, times in Europe/Berlin\n"
        "  2026-03-27T09:00:00+01:00  2026-03-27T08:00:00Z\n"
        "  2026-03-28T09:00:00+01:00  2026-03-28T08:00:00Z"
        "  skipped (Calendar): the calendar weekend, which the task excludes, covers it\n"
        "  2026-03-29T09:00:00+02:00  2026-03-29T07:00:00Z"
        "  skipped (Calendar): the calendar weekend, which the task excludes, covers it\n",
        "",
    )


FREEZE = {"start": "2026-03-20T00:00:00Z", "end": "2026-04-20T00:00:00Z"}
ALL_SKIPPED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"group": "night"}, {"freezes": [FREEZE]}, "2026-04-20T09:00:00+00:00  2026-04-20T09:00:00Z"),
    ({"schedule": "0 9 * * SAT,MON", "only": ["march"]}, {}, "none, as things stand"),
    ({"suspendUntil": "2026-05-01T09:00:00Z"}, {}, "2026-05-01T09:00:00+00:00  2026-05-01T09:00:00Z"),
    ({"suspend": True}, {}, "none, as things stand"),
    ({"group": "night"}, {"suspend": True}, "none, as things stand"),
]


@pytest.mark.parametrize(("spec", "group", "said"), ALL_SKIPPED)
def test_where_all_are_skipped_the_first_that_will_run_is_told(
    shown: Run, spec: dict[str, Any], group: dict[str, Any], said: str
) -> None:
    march = body("CronTaskCalendar", "march", {"dates": ["2026-03-01"]})
    _, out, _ = shown(task(**spec), body("CronTaskGroup", "night", group), march)
    assert out.splitlines()[4] == f"  first that will run: {said}"


SKIPPED = [
    ({"suspend": True}, "skipped (Suspended): the task is suspended (suspend: true)"),
    ({"suspendUntil": "2026-03-27T10:00:00Z"}, "skipped (Suspended): the task is suspended until 2026-03-27 10:00"),
    ({"group": "night"}, "skipped (GroupSuspended): the group night is suspended"),
]


@pytest.mark.parametrize(("spec", "said"), SKIPPED)
def test_what_pauses_a_task_is_told(shown: Run, spec: dict[str, Any], said: str) -> None:
    _, out, _ = shown(task(**spec), GROUP)
    assert said in out.splitlines()[1]


UNTIL_NOON = {"schedule": None, "endAt": "2026-03-27T12:00:00Z"}
WINDOWS: list[tuple[dict[str, Any], list[str]]] = [
    ({"endAt": "2026-03-28T09:00:00Z"}, ["27T09:00:00Z", "28T09:00:00Z"]),
    ({"startAt": "2026-03-30T00:00:00Z", "endAt": "2026-03-31T09:00:00Z"}, ["30T09:00:00Z", "31T09:00:00Z"]),
    ({"firstRunAt": "2026-03-30T01:02:03Z", "endAt": "2026-03-30T09:00:00Z"}, ["30T01:02:03Z", "30T09:00:00Z"]),
    (UNTIL_NOON | {"schedules": ["0 9 * * *", "0 9,12 * * *"]}, ["27T09:00:00Z", "27T12:00:00Z"]),
    (UNTIL_NOON | {"calendar": {"minutes": [5], "hours": [7]}}, ["27T07:05:00Z"]),
    ({"schedule": None, "after": [{"task": "other"}]}, []),
]


@pytest.mark.parametrize(("spec", "expected"), WINDOWS)
def test_the_whole_timing_counts(shown: Run, spec: dict[str, Any], expected: list[str]) -> None:
    made = task(**spec)
    made["spec"] = {name: value for name, value in made["spec"].items() if value is not None}
    code, out, _ = shown(made)
    instants = [line.split()[1][8:] for line in out.splitlines() if line.startswith("  2")]
    assert (code, instants) == (0, expected)
    assert expected or "no instant to come; it runs after other" in out


def test_the_spread_is_stable_and_within_its_bound(shown: Run) -> None:
    _, out, _ = shown(task(splaySeconds=600))
    instants = {line.split("T")[1][:8] for line in out.splitlines() if line.startswith("  2")}
    assert len(instants) == 1
    assert "09:00:00" < instants.pop() <= "09:10:00"


def test_advice_and_what_is_absent_are_told(shown: Run) -> None:
    _, out, _ = shown(task(timeZone="Europe/Berlin", schedule="30 2 * * *", exclude=["unknown"], group="gone"))
    assert "  Note: spec.group: CronTaskGroup gone is not there, and left out here.\n" in out
    assert "  Note: spec.exclude[0]: CronTaskCalendar unknown is not there, and left out here.\n" in out
    assert "  Note: spec.schedule: clocks in Europe/Berlin leave out 2026-03-29 02:30" in out


def test_one_bad_task_hides_no_other(shown: Run) -> None:
    code, out, err = shown(task("bad", schedule="0 0 30 2 *"), task())
    assert code == 1
    assert out.startswith("report in default")
    assert err == (
        'kubectl crontask next: default/bad: spec.schedule: "0 0 30 2 *" never fires; name a day that the month has\n'
    )


def test_a_list_holds_tasks_as_well(shown: Run) -> None:
    code, out, _ = shown({"kind": "List", "items": [task("a"), task("b")]})
    assert (code, out.count(" in default, times in UTC")) == (0, 2)


def test_a_file_without_tasks_is_refused(shown: Run, program: Run) -> None:
    code, _, err = shown(WEEKEND)
    assert (code, "holds no CronTask; name a file with one" in err) == (1, True)
    assert program("next", "-f", "/nowhere.yaml")[0] == 1


@pytest.mark.parametrize("named", [["task/report"], ["ct/report"], ["--task", "report"]])
def test_a_task_of_the_cluster(cluster: FakeApiServer, kubeconfig: str, program: Run, named: list[str]) -> None:
    cluster.put(TASKS, task(only=["weekend"]), "team")
    cluster.put(CALENDARS, WEEKEND, "team")
    assert program("next", *named, *FRIDAY, "--kubeconfig", kubeconfig) == (
        0,
        "report in team, times in UTC\n"
        "  2026-03-27T09:00:00+00:00  2026-03-27T09:00:00Z"
        "  skipped (Calendar): no calendar of the task's only (weekend) covers it\n"
        "  2026-03-28T09:00:00+00:00  2026-03-28T09:00:00Z\n"
        "  2026-03-29T09:00:00+00:00  2026-03-29T09:00:00Z\n",
        "",
    )


def test_a_task_that_is_not_there(cluster: FakeApiServer, kubeconfig: str, program: Run) -> None:
    code, _, err = program("next", "task/nothing", "--kubeconfig", kubeconfig)
    assert code == 1
    assert 'task: "nothing" is no CronTask in namespace team; name another one, or another namespace with -n' in err


@pytest.mark.parametrize("arguments", [["@daily", "--task", "a"], ["-f", "a", "--batch"], ["--task", "a", "-f", "b"]])
def test_one_thing_at_a_time(program: Run, arguments: list[str]) -> None:
    assert program("next", *arguments)[0] == 2
