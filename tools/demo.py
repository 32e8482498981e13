"""`make demo`: brings everything up, applies `examples/`, runs one pod and one HTTP task now, and follows both.

Then a job goes through each API that the gateway serves. Prints a line whenever something changes. Exits 0 only if all
succeeded; the cluster stays up afterwards.
"""

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import demo_cronjob_org
import demo_dkron
from cluster import commands, kubectl, system
from cluster.errors import ClusterError
from cluster.kubectl import Kubectl
from cluster.paths import CHECKOUT
from cluster.say import say
from cluster.settings import Settings

_SECONDS = 120.0
_PAUSE = 0.5
_FINAL = {"Succeeded", "Failed", "Cancelled", "Lost"}
_STAND_INS = {"python:3.13-slim": "PYTHON_IMAGE", "http://127.0.0.1:8099": "RECEIVER_URL"}


@dataclass
class Followed:
    """An execution that is being watched, and the last line that was shown of it."""

    kind: str
    namespace: str
    name: str
    shown: str = ""
    phase: str = ""
    steps: list[str] = field(default_factory=list)


def with_stand_ins(text: str, env: Mapping[str, str]) -> str:
    """A manifest with the image and the address that this cluster has in place of the usual ones."""
    for usual, name in _STAND_INS.items():
        text = text.replace(usual, env.get(name, usual))
    return text


def tasks(manifests: str) -> Iterator[tuple[str, str, str]]:
    """Each CronTask of some manifests as (kind of action, namespace, name)."""
    for body in yaml.safe_load_all(manifests):
        if body and body.get("kind") == "CronTask" and not body["spec"].get("suspend"):
            kind = "http" if "http" in body["spec"] else "pod"
            yield kind, body["metadata"].get("namespace", "default"), body["metadata"]["name"]


def line(followed: Followed, execution: Mapping[str, Any], seconds: float) -> str:
    """How an execution stands, in one line."""
    status = execution.get("status", {})
    attempt = (status.get("attempts") or [{}])[-1]
    details = [f"{name} {attempt[key]}" for key, name in _DETAILS.items() if key in attempt]
    details += [status["reason"]] if "reason" in status else []
    phase = status.get("phase", "Pending")
    return f"{seconds:6.1f} s  {followed.kind:4}  {followed.name:40}  {phase:10}  {', '.join(details)}".rstrip()


_DETAILS = {"pod": "pod", "exitCode": "exit code", "httpStatus": "status"}


def run_now(client: Kubectl, kind: str, namespace: str, task: str) -> Followed:
    """Create an execution by hand, which means "run now"."""
    body = {
        "apiVersion": "crontask.dev/v1beta1",
        "kind": "CronTaskExecution",
        "metadata": {"generateName": f"{task}-demo-", "namespace": namespace},
        "spec": {"taskRef": {"name": task}},
    }
    made = json.loads(client.run("create", "--filename", "-", "--output=json", text=json.dumps(body)))
    return Followed(kind, namespace, made["metadata"]["name"])


def follow(client: Kubectl, executions: list[Followed]) -> bool:
    """Show what happens until all have ended; whether all succeeded."""
    began = time.monotonic()
    while time.monotonic() < began + _SECONDS and not all(each.phase in _FINAL for each in executions):
        for each in executions:
            execution = client.get("crontaskexecution", each.name, f"--namespace={each.namespace}") or {}
            text = line(each, execution, time.monotonic() - began)
            if text[10:] != each.shown:
                each.shown, each.phase = text[10:], execution.get("status", {}).get("phase", "")
                print(text, flush=True)
                if each.phase in _FINAL:
                    _print_output(execution)
        time.sleep(_PAUSE)
    return all(each.phase == "Succeeded" for each in executions)


def _print_output(execution: Mapping[str, Any]) -> None:
    for row in execution["status"].get("output", "").splitlines()[:8]:
        print(f"{'':10}| {row[:120]}", flush=True)


def _apply_examples(client: Kubectl, env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Apply every example; returns the first task of each kind as (namespace, name)."""
    first: dict[str, tuple[str, str]] = {}
    for file in sorted((CHECKOUT / "examples").glob("*.yaml")):
        text = with_stand_ins(file.read_text(), env)
        print(
            client.run("apply", "--server-side", "--force-conflicts", "--filename", "-", text=text), end="", flush=True
        )
        for kind, namespace, name in tasks(text):
            first.setdefault(kind, (namespace, name))
    return first


def stop_command(environ: Mapping[str, str]) -> str:
    """How to take this very cluster away."""
    folder = environ.get("STATE")
    return f"STATE={shlex.quote(folder)} make down" if folder else "make down"


def demo(settings: Settings, environ: Mapping[str, str]) -> int:
    commands.up(settings, environ)
    env = dict(row.split("=", 1) for row in settings.state.env.read_text().splitlines())
    client = Kubectl(kubectl.find(settings.cache, environ), Path(env["KUBECONFIG"]), environ)
    first = _apply_examples(client, env)
    if set(first) != {"pod", "http"}:
        raise ClusterError("examples/ has no pod task or no HTTP task to run: restore the folder from the repository.")
    succeeded = follow(client, [run_now(client, kind, *task) for kind, task in sorted(first.items())])
    if "DKRON_URL" in env:
        succeeded = demo_dkron.round_trip(client, env["DKRON_URL"], settings.gateway_namespace) and succeeded
    if "CRONJOB_ORG_URL" in env:
        key, target = env.get("CRONJOB_ORG_API_KEY", ""), f"{env['RECEIVER_URL']}/demo"
        told = (env["CRONJOB_ORG_URL"], key, target, settings.gateway_namespace)
        succeeded = demo_cronjob_org.round_trip(client, *told) and succeeded
    say("All succeeded." if succeeded else "Not everything succeeded: see the lines above and `make status`.")
    say(f"Look further: {settings.state.use}; kubectl get crontasks,crontaskexecutions -A")
    say(f"Metrics: {env['METRICS_URL']}. Logs: {settings.state.logs}. Stop with: {stop_command(environ)}")
    return 0 if succeeded else 1


def main() -> int:
    environ = {**os.environ, "PATH": system.path(os.environ.get("PATH", ""))}
    try:
        return demo(Settings.read(environ, Path.home()), environ)
    except ClusterError as error:
        say(f"crontask: {error.sentence}")
        return error.code


if __name__ == "__main__":
    sys.exit(main())
