"""Dkron's API over HTTP, with the gateway, the operator and kubectl at work on one cluster."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pydkron.client
import pytest
from foreign.programs import DjangoSite, DkronCli
from live.dkron import Dkron, another_replica
from live.kubectl import Answer, Kubectl
from live.stories import Stage, status, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

ACCOUNT = "system:serviceaccount:crontask-system:crontask-gateway"
TOKEN = "a-token-of-a-test"


def told(name: str) -> str:
    value = os.environ.get(name, "")  # noqa: TID251 - what `make up` has told
    assert value, f"{name} is not set; run `make up` and `set -a; . .cluster/env`"
    return value


@pytest.fixture
def dkron() -> Iterator[Dkron]:
    """The API of `make up`, with names of the test's own."""
    made = Dkron(told("DKRON_URL"))
    yield made
    made.clear()


@pytest.fixture
def jobs(stage: Stage) -> Stage:
    """The namespace of the gateway's jobs."""
    return replace(stage, kubectl=stage.kubectl.within(told("GATEWAY_NAMESPACE")))


def task_of(dkron: Dkron, short: str) -> str:
    return f"dkron-{dkron.name(short)}"


def test_a_job_lives_in_both_worlds(dkron: Dkron, jobs: Stage) -> None:
    made = dkron.shell("life", "echo hello", schedule="@every 1h", owner="me", metadata={"team": "a"})
    assert (made["name"], made["owner"], made["disabled"]) == (dkron.name("life"), "me", False)
    assert dkron.job("life")["metadata"] == {"team": "a"}
    assert dkron.names() == [dkron.name("life")]

    task = jobs.get("ct", task_of(dkron, "life"))
    assert task is not None
    assert task["spec"]["schedule"] == "@every 1h"
    assert task["metadata"]["labels"]["crontask.dev/dialect"] == "dkron"
    jobs.patch("ct", task_of(dkron, "life"), schedule="0 30 4 * * *", timeZone="Europe/Berlin")
    edited = until(
        lambda: job if (job := dkron.job("life"))["schedule"] == "0 30 4 * * *" else None, "the API shows the edit"
    )
    assert (edited["timezone"], edited["owner"], edited["metadata"]) == ("Europe/Berlin", "me", {"team": "a"})

    dkron.run("life")
    assert len(dkron.executions("life")) == 1
    execution = dkron.ended("life")
    assert (execution["success"], execution["output"], execution["attempt"]) == (True, "hello\n", 1)
    counted = until(lambda: job if (job := dkron.job("life"))["success_count"] else None, "the run is counted")
    assert (counted["success_count"], counted["error_count"], counted["status"]) == (1, 0, "success")

    assert dkron.ok("POST", f"/jobs/{dkron.name('life')}/toggle")["disabled"] is True
    task = jobs.get("ct", task_of(dkron, "life"))
    assert task is not None
    assert task["spec"]["suspend"] is True

    assert dkron.ok("DELETE", f"/jobs/{dkron.name('life')}")["name"] == dkron.name("life")
    assert dkron.ask("GET", f"/jobs/{dkron.name('life')}").status == 404
    until(lambda: jobs.get("ct", task_of(dkron, "life")) is None, "the task is gone")
    until(lambda: not jobs.executions(task_of(dkron, "life")), "its executions are gone")


def test_a_job_that_fails_is_retried_and_says_so(dkron: Dkron) -> None:
    dkron.shell("fails", "echo no; exit 3", retries=1)
    dkron.run("fails")
    until(lambda: len(dkron.executions("fails")) == 2, "there is a second attempt")
    last = dkron.ended("fails")
    assert (last["success"], last["attempt"], last["output"]) == (False, 2, "exit status 3\nno\n")
    assert len({each["group"] for each in dkron.executions("fails")}) == 1
    until(lambda: dkron.job("fails")["status"] == "failed", "the job has failed")


def test_b21_a_command_that_takes_too_long_is_killed(dkron: Dkron) -> None:
    config = {"shell": "true", "command": "trap 'exit 143' TERM; echo before; sleep 600 & wait", "timeout": "5s"}
    dkron.store("slow", executor="shell", executor_config=config)
    dkron.run("slow")
    ended = dkron.ended("slow")
    assert ended["success"] is False
    assert "execution time exceeding defined timeout 5s" in ended["output"]
    assert "Job was killed" in ended["output"]
    took = datetime.fromisoformat(ended["finished_at"]) - datetime.fromisoformat(ended["started_at"])
    assert took < timedelta(seconds=60), "the command itself takes ten minutes"


def test_pydkron_works_with_the_gateway(dkron: Dkron) -> None:
    client = pydkron.client.DkronClient([dkron.url.removeprefix("http://")])
    name = dkron.name("theirs")
    config = {"shell": "true", "command": "echo theirs"}
    client.create_job({"name": name, "schedule": "@manually", "executor": "shell", "executor_config": config})
    assert client.get_job(name).run()["name"] == name
    ended = until(
        lambda: next((each for each in client.get_executions(name) if each["success"]), None), "its run succeeds"
    )
    assert ended["output"] == "theirs\n"
    assert client.toggle(name).disabled
    client.get_job(name).delete()
    assert dkron.names() == []


def test_dkron_cli_works_with_the_gateway(dkron: Dkron, tmp_path: Path) -> None:
    cli, name, file = DkronCli(dkron.url), dkron.name("cli"), tmp_path / "job.json"
    config = {"shell": "true", "command": "echo theirs"}
    job = {"name": name, "schedule": "@manually", "executor": "shell", "executor_config": config}
    file.write_text(json.dumps(job))
    cli.ok("apply", "job", str(file))
    cli.ok("run", name)
    assert dkron.ended("cli")["output"] == "theirs\n"
    until(lambda: cli.get("job", name)["success_count"] == 1, "its run is counted")
    assert cli.get("leader")["Name"] == cli.get("members")[0]["Name"]
    cli.ok("delete", "job", name)
    assert dkron.names() == []


def test_django_dkron_works_with_the_gateway(dkron: Dkron, tmp_path: Path) -> None:
    site = DjangoSite(dkron.url, tmp_path, {"DKRON_NAMESPACE": dkron.name("site")})
    parent = {"name": "parent", "schedule": "@every 24h", "command": "echo $((1 + 1))", "use_shell": True}
    site.jobs(parent, {"name": "child", "schedule": "@parent parent", "command": "echo child"})
    assert site.manage("resync_dkron") == "Job parent updated\nJob child updated\n"
    dkron.run("site_parent")
    assert dkron.ended("site_parent")["output"] == "2\n"
    until(lambda: dkron.executions("site_child"), "the child runs")
    assert dkron.ended("site_child")["output"] == "child\n"
    site.jobs(parent | {"enabled": False})
    assert site.manage("resync_dkron") == "Job parent updated\nJob child delete\n"
    assert (dkron.names(), dkron.job("site_parent")["disabled"]) == ([dkron.name("site_parent")], True)


def test_a_job_is_busy_while_it_runs_and_is_stopped_with_its_deletion(dkron: Dkron, jobs: Stage) -> None:
    dkron.shell("long", "sleep 600")
    dkron.run("long")
    assert dkron.busy() == [dkron.name("long")]
    (execution,) = jobs.executions(task_of(dkron, "long"))
    jobs.running(execution["metadata"]["name"])
    assert dkron.busy() == [dkron.name("long")]
    dkron.ok("DELETE", f"/jobs/{dkron.name('long')}")
    assert dkron.busy() == []
    until(lambda: not jobs.all("pods", f"--selector=crontask.dev/task={task_of(dkron, 'long')}"), "its pod is gone")


def test_a_run_by_hand_is_not_held_up_by_another_one(dkron: Dkron, jobs: Stage) -> None:
    dkron.shell("lone", "sleep 600", concurrency="forbid")
    dkron.run("lone")
    dkron.run("lone")
    until(lambda: len(dkron.busy()) == 2, "both are under way")
    for execution in jobs.executions(task_of(dkron, "lone")):
        jobs.running(execution["metadata"]["name"])
    shown = until(
        lambda: task if status(task := jobs.get("ct", task_of(dkron, "lone")) or {}).get("activeCount") == 2 else None,
        "kubectl shows both",
    )
    assert shown["spec"]["overridable"] == ["Concurrency"]


def test_an_ephemeral_job_waits_for_those_that_run_after_it(dkron: Dkron, jobs: Stage) -> None:
    dkron.shell("once", "true", ephemeral=True)
    dkron.shell("after", "echo after", schedule="", parent_job=dkron.name("once"))
    dkron.run("once")
    until(lambda: dkron.executions("after"), "the dependent job runs")
    assert dkron.ended("after")["success"] is True
    until(lambda: dkron.job("once")["success_count"] == 1, "its success is counted, and it is still there")
    dkron.ok("DELETE", f"/jobs/{dkron.name('after')}")
    until(lambda: jobs.get("ct", task_of(dkron, "once")) is None, "the ephemeral job is gone")


def test_a_dependent_job_runs_after_its_parent(dkron: Dkron) -> None:
    dkron.shell("parent", "true")
    dkron.shell("child", "echo after", schedule="", parent_job=dkron.name("parent"))
    assert dkron.job("parent")["dependent_jobs"] == [dkron.name("child")]
    dkron.run("parent")
    until(lambda: dkron.executions("child"), "the child runs")
    assert dkron.ended("child")["output"] == "after\n"
    assert dkron.ask("DELETE", f"/jobs/{dkron.name('parent')}").status == 404
    dkron.ok("DELETE", f"/jobs/{dkron.name('child')}")
    dkron.ok("DELETE", f"/jobs/{dkron.name('parent')}")


def test_a_call_bears_the_credentials_that_nobody_sees(dkron: Dkron, jobs: Stage) -> None:
    marker = f"/{dkron.name('call')}"
    headers = json.dumps(["Authorization: Bearer very-secret", "X-Seen: yes"])
    config = {"method": "GET", "url": jobs.receiver + marker, "headers": headers}
    dkron.store("call", executor="http", executor_config=config)
    dkron.run("call")
    assert dkron.ended("call")["success"] is True
    (got,) = jobs.received(marker)
    assert (got["headers"]["Authorization"], got["headers"]["X-Seen"]) == ("Bearer very-secret", "yes")

    assert "very-secret" not in json.dumps(dkron.job("call"))
    assert "very-secret" not in json.dumps(jobs.get("ct", task_of(dkron, "call")))
    secret, task = jobs.get("secret", task_of(dkron, "call")), jobs.get("ct", task_of(dkron, "call"))
    assert secret is not None
    assert task is not None
    assert [owner["uid"] for owner in secret["metadata"]["ownerReferences"]] == [task["metadata"]["uid"]]
    dkron.ok("DELETE", f"/jobs/{dkron.name('call')}")
    until(lambda: jobs.get("secret", task_of(dkron, "call")) is None, "the Secret is gone")


def test_paused_no_job_is_stored(dkron: Dkron) -> None:
    assert dkron.ok("POST", "/pause") == {"paused": True}
    try:
        refused = dkron.ask("POST", "/jobs", {"name": dkron.name("no"), "schedule": "@manually", "executor": "shell"})
        assert refused.status == 503
    finally:
        assert dkron.ok("POST", "/unpause") == {"paused": False}
    dkron.shell("yes", "true")


def test_the_operator_is_the_one_member_and_leads(dkron: Dkron) -> None:
    (member,) = dkron.ok("GET", "/members")
    assert member["statusText"] == "alive"
    assert dkron.ok("GET", "/leader")["Name"] == member["Name"]


def test_a_second_replica_reads_at_once_what_the_first_has_written(dkron: Dkron, jobs: Stage, tmp_path: Path) -> None:
    kubeconfig = jobs.state / "gateway.kubeconfig"
    with another_replica(kubeconfig, jobs.kubectl.namespace, tmp_path, TOKEN) as url:
        for wrong in ("", "another-token"):
            assert replace(dkron, url=url, token=wrong).ask("GET", "/jobs").status == 401
        here, there = dkron, replace(dkron, url=url, token=TOKEN)
        for number in range(5):
            short = f"job{number}"
            here.shell(short, "true")
            assert there.job(short)["disabled"] is False
            here.run(short)
            assert len(there.executions(short)) == 1
            there.ok("POST", f"/jobs/{there.name(short)}/toggle")
            assert here.job(short)["disabled"] is True
            there.ok("DELETE", f"/jobs/{there.name(short)}")
            assert here.ask("GET", f"/jobs/{here.name(short)}").status == 404
            here, there = there, here


MAY = [
    "create crontasks.crontask.dev",
    "delete crontasks.crontask.dev",
    "patch crontaskexecutions.crontask.dev",
    "get secrets",
]
MAY_NOT = [
    "patch crontasks.crontask.dev --subresource=status",
    "delete crontaskexecutions.crontask.dev",
    "list secrets",
    "create pods",
    "get pods",
]


def test_the_gateway_may_do_this_and_no_more(jobs: Stage) -> None:
    def answer(right: str, namespace: str) -> str:
        asked = jobs.kubectl.within(namespace)("auth", "can-i", *right.split(), f"--as={ACCOUNT}")
        return asked.out.strip()

    here = jobs.kubectl.namespace
    assert {right: answer(right, here) for right in MAY} == dict.fromkeys(MAY, "yes")
    assert {right: answer(right, here) for right in MAY_NOT} == dict.fromkeys(MAY_NOT, "no")
    assert {right: answer(right, "kube-system") for right in MAY} == dict.fromkeys(MAY, "no")


def test_the_gateway_records_no_outcomes(dkron: Dkron, jobs: Stage) -> None:
    dkron.shell("job", "true")
    gateway: Kubectl = jobs.kubectl.acting_as(ACCOUNT)
    body = {
        "apiVersion": "crontask.dev/v1beta1",
        "kind": "CronTaskExecution",
        "metadata": {"name": f"{task_of(dkron, 'job')}-now"},
        "spec": {"taskRef": {"name": task_of(dkron, "job")}},
    }
    assert gateway.create(body, dry=True).code == 0
    for forged, word in (
        (body | {"status": {"phase": "Succeeded"}}, "status is written by the operator alone"),
        (body | {"spec": body["spec"] | {"trigger": "Schedule"}}, "spec.trigger must be Manual"),
    ):
        refused = gateway.create(forged, dry=True)
        assert refused.code != 0
        assert word in refused.err


def test_the_gateway_does_not_touch_the_operators_leases(jobs: Stage) -> None:
    gateway = jobs.kubectl.within("crontask-system").acting_as(ACCOUNT)

    def made(name: str) -> Answer:
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": {}}
        return gateway.create(body, dry=True)

    assert made("crontask-gateway-test").code == 0
    deleted = gateway("delete", "lease", "crontask-shard-0", "--dry-run=server", "--wait=false")
    for refused in (made("crontask-shard-63"), deleted):
        assert refused.code != 0
        assert (
            "the gateway may write the Leases crontask-flags, crontask-gateway-… and crontask-note-… alone"
            in refused.err
        )
