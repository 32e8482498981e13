"""What there is to audit: tasks and executions, from kubectl or from a file that kubectl has written."""

import json
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SECONDS = 60
Object = dict[str, Any]
Ask = Callable[..., Any]


class Unreadable(Exception):  # noqa: N818 - told as a sentence
    """There is nothing to audit; says why."""


@dataclass(frozen=True)
class Dump:
    """Tasks and executions of one or more namespaces.

    `tasks` were read before the executions; `later` are the same tasks read after them, for what must not lag.
    """

    at: datetime
    tasks: list[Object]
    executions: list[Object]
    later: list[Object]


def from_cluster(ask: Ask, now: Callable[[], datetime]) -> Dump:
    """`ask` is `kubectl get ARGUMENTS` as JSON, for one namespace or for all."""
    tasks = ask("crontasks.crontask.dev")["items"]
    executions = ask("crontaskexecutions.crontask.dev")["items"]
    return Dump(now(), tasks, executions, ask("crontasks.crontask.dev")["items"])


def from_text(text: str, at: datetime) -> Dump:
    """A list as `kubectl get ct,cte -A -o json` prints it. Raises Unreadable."""
    try:
        items = json.loads(text)["items"]
        by_kind = {kind: [item for item in items if item["kind"] == kind] for kind in ("CronTask", "CronTaskExecution")}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise Unreadable(
            f"the dump is no list of objects ({error}); make it with kubectl get ct,cte -A -o json"
        ) from None
    return Dump(at, by_kind["CronTask"], by_kind["CronTaskExecution"], by_kind["CronTask"])


def kubectl(arguments: Iterable[str], namespace: str, seconds: float = SECONDS) -> Ask:
    """`kubectl get` as a function; `arguments` come before the verb. Raises Unreadable, also after so many seconds."""
    where = [f"--namespace={namespace}"] if namespace else ["--all-namespaces"]

    def ask(kind: str) -> Any:
        command = ["kubectl", *arguments, "get", kind, *where, "--output=json"]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        except FileNotFoundError:
            raise Unreadable("there is no kubectl on PATH; install it, or give a dump with --dump") from None
        except subprocess.TimeoutExpired:
            raise Unreadable(f"kubectl get {kind} had no answer in {seconds:g} s") from None
        if run.returncode:
            raise Unreadable(f"kubectl get {kind}: {run.stderr.strip()}")
        return json.loads(run.stdout)

    return ask


def machine_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)
