"""Every file of `examples/` is applied, becomes Ready, and one execution of each of its tasks is run and succeeds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from live.kubectl import Kubectl
from live.stories import Body, Stage, status, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "examples").glob("*.yaml"))
KIND = "CronTask"
OPERATORS_OWN = {"parent"}
"""Fields of a spec that no manifest may hold."""
ATTEMPTS = {"third-time-lucky": 3, "second-pod-lucky": 2, "told-by-slack": 3, "count-stock": 2}
OUTPUT = {
    "http-call": '"Content-Type": "application/json"',
    "clean-up": "because of: Manual",
    "call-with-password": '"Authorization": "Basic ***"',
    "call-with-token": '"X-Api-Key": "***"',
    "pod-with-password": "has 22 characters",
    "nightly-backup": "stored nightly-backup-",
    "count-stock": "==> warehouse-south <==\ncounting south at warehouse-south",
    "sales-report": "report of last-month in short",
    "audited-import": "imported 17 rows",
    "import-sales": "Imported the sales up to ",
    "every-field-of-a-short-pod": "MY_SETTING=on",
}


def bodies(file: Path) -> list[Body]:
    """The objects of a file."""
    return [body for body in yaml.safe_load_all(file.read_text()) if body]


def tasks() -> list[str]:
    """The names of all tasks, in order."""
    return [body["metadata"]["name"] for file in FILES for body in bodies(file) if body["kind"] == KIND]


@pytest.fixture(scope="module")
def applied(stage: Stage) -> list[str]:
    """Each file applied as it stands (but for the receiver's address), and each task run by hand."""
    texts = [file.read_text().replace("http://127.0.0.1:8099", stage.receiver) for file in FILES]
    found = [body for text in texts for body in yaml.safe_load_all(text) if body]
    stage.apply(*found)
    names = tasks()
    stage.ready(*names)
    # An instant that has just come must not be in the way of Forbid and Replace, nor may one come.
    stage.apply(*(_suspended(body) for body in found if body["kind"] == KIND))
    until(lambda: not any(status(body).get("active") for body in stage.all("ct")), "all started tasks end")
    executions = {body["metadata"]["name"] for body in found if body["kind"] == "CronTaskExecution"}
    stage.run(*(name for name in names if f"{name}-now" not in executions))
    return names


def _suspended(body: Body) -> Body:
    """The task, paused without end."""
    spec = {name: value for name, value in body["spec"].items() if name != "suspendUntil"}
    return body | {"spec": spec | {"suspend": True}}


def test_there_are_examples() -> None:
    assert len(FILES) >= 10
    assert [int(file.name[:2]) for file in FILES] == sorted({int(file.name[:2]) for file in FILES})
    assert len(tasks()) == len(set(tasks())) >= 20


def test_the_readme_names_each() -> None:
    text = (ROOT / "examples" / "README.md").read_text()
    assert [file.name for file in FILES if f"`{file.name}`" not in text] == []


@pytest.mark.parametrize("name", tasks())
def test_an_execution_succeeds(stage: Stage, applied: list[str], name: str) -> None:
    found = status(stage.ended(f"{name}-now"))
    assert (found["phase"], found["reason"]) == ("Succeeded", "Completed"), found
    assert len(found["attempts"]) == ATTEMPTS.get(name, 1)
    assert OUTPUT.get(name, "") in found["output"]


def test_executions_of_the_files_themselves_succeed(stage: Stage, applied: list[str]) -> None:
    names = [body["metadata"]["name"] for file in FILES for body in bodies(file) if body["kind"] == "CronTaskExecution"]
    assert names
    for name in names:
        assert status(stage.ended(name))["phase"] == "Succeeded"


def test_every_field_means_every_field(dry_kubectl: Kubectl) -> None:
    schemas = {
        crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for crd in dry_kubectl.ok("get", "crds", "-o", "json").body["items"]
        if crd["spec"]["group"] == "crontask.dev"
    }
    used: dict[str, set[str]] = {kind: set() for kind in schemas}
    for body in bodies(ROOT / "examples" / "90-every-field.yaml"):
        if body["kind"] in used:
            used[body["kind"]] |= set(_used(body["spec"], ""))
    for kind, schema in schemas.items():
        assert set(_known(schema, "")) - used[kind] - OPERATORS_OWN == set()


def _known(schema: Body, path: str) -> Iterator[str]:
    """The paths of all fields of a schema.

    A pod template's own are Kubernetes' to explain; variables and headers are the same everywhere.
    """
    if path in ("pod.template", "overrides.env", "overrides.headers", "notify.webhook.headers"):
        return
    for name, below in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        yield here
        yield from _known(below.get("items", below), here)


def _used(value: Any, path: str) -> Iterator[str]:
    """The paths of all fields of an object; an item of a list has the list's path."""
    if isinstance(value, list):
        for item in value:
            yield from _used(item, path)
    elif isinstance(value, dict):
        for name, below in value.items():
            here = f"{path}.{name}".lstrip(".")
            yield here
            yield from _used(below, here)
