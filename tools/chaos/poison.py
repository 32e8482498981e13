"""Poison: objects that the API server takes and nobody can make sense of. They must only harm themselves.

None of them names a healthy task; about one in twenty of all objects that the operator knows.
"""

from typing import Any

from live.stories import EVERY_SECOND, Body, Stage, execution, task

PREFIX = "poison-"
UNICODE = "𝕮𝖗𝖔𝖓 \u202e \ufdfd " + "é" * 40


def tasks(call: Body, pod: Body) -> list[Body]:
    """Tasks that are wrong in ways that a schema cannot see, or hard to bear."""
    return [
        _task("never", schedule="0 0 31 2 *", http=call),
        _task("unreadable", schedule="99 * * * *", http=call),
        _task("no-day", schedule="@at 2030-02-31T00:00:00Z", http=call),
        _task("unicode", schedule=f"* * * * {UNICODE[:20]}", http=call),
        _task("pattern", schedule=EVERY_SECOND, http={**call, "success": {"bodyRegex": "((a{1,900}){1,900}){1,900}"}}),
        _task("no-secret", schedule=EVERY_SECOND, http={**call, "auth": {"bearer": {"name": "none", "key": "none"}}}),
        _task("no-group", schedule=EVERY_SECOND, group="there-is-none", http=call),
        _task("no-calendar", schedule=EVERY_SECOND, only=["there-is-none"], http=call),
        _task("no-target", schedule="*/5 * * * * *", targets=["there-is-none"], pod=pod),
        _task("unreachable", schedule=EVERY_SECOND, http={"url": "http://127.0.0.1:1/"}),
        _task("forbidden", schedule=EVERY_SECOND, http={"url": "http://169.254.169.254/"}),
        _task("bad-pod", schedule="*/10 * * * * *", pod={"image": "  not an image  ", "command": ["x"]}),
        _task("circle-a", after=[{"task": f"{PREFIX}circle-b"}], http=call),
        _task("circle-b", after=[{"task": f"{PREFIX}circle-a"}], http=call),
        _task("huge", schedule="*/5 * * * * *", http={**call, "method": "POST", "body": "b" * 262_144}),
        _annotated(_task("scribbled", schedule=EVERY_SECOND, http=call), UNICODE),
    ]


def executions() -> list[Body]:
    """Executions by hand of tasks that do not exist, or that contradict themselves."""
    made = [
        execution(f"{PREFIX}dangling", "there-is-none"),
        execution(f"{PREFIX}of-unreadable", f"{PREFIX}unreadable"),
        execution(f"{PREFIX}stopped", f"{PREFIX}never", stop=True),
        execution(f"{PREFIX}old", f"{PREFIX}never", scheduledAt="0001-01-01T00:00:00Z"),
        execution(f"{PREFIX}far", f"{PREFIX}never", scheduledAt="9999-12-31T23:59:59Z"),
        _annotated(execution(f"{PREFIX}labelled", "there-is-none"), UNICODE),
    ]
    made[-1]["metadata"]["labels"] = {"crontask.dev/task": "x" * 63, "crontask.dev/trigger": "Nonsense"}
    return made


def pods(image: str) -> list[Body]:
    """Pods that look like ours and are of nothing, with nonsense where the operator writes facts."""
    marks = [
        {"crontask.dev/scheduled-at": "not a time", "crontask.dev/task-name": f"{PREFIX}never"},
        {"crontask.dev/scheduled-at": "9999-12-31T23:59:59Z", "crontask.dev/execution-name": "../../etc"},
        {"crontask.dev/execution-name": UNICODE, "crontask.dev/task-uid": UNICODE},
        {},
    ]
    return [_pod(f"{PREFIX}pod-{number}", image, each) for number, each in enumerate(marks)]


def pour(stage: Stage) -> int:
    """Makes them all; how many the API server took."""
    image = stage.image
    bodies = [*tasks(stage.call("/poison"), stage.pod("true")), *executions(), *pods(image)]
    return sum(stage.kubectl.create(body).code == 0 for body in bodies)


def _task(name: str, **spec: Any) -> Body:
    body = task(PREFIX + name, **spec)
    if "after" in spec:
        del body["spec"]["schedule"]
    return body


def _annotated(body: Body, text: str) -> Body:
    keys = ("claimed-through", "task-uid", "kept-seconds", "scheduled-at", "execution-name", "dialect")
    body["metadata"]["annotations"] = {f"crontask.dev/{key}": text for key in keys} | {"long": "y" * 100_000}
    return body


def _pod(name: str, image: str, annotations: dict[str, str]) -> Body:
    labels = {
        "crontask.dev/managed": "true",
        "crontask.dev/task": f"{PREFIX}never",
        "crontask.dev/execution": f"{PREFIX}nothing",
        "crontask.dev/attempt": "many",
        "crontask.dev/trigger": "Nonsense",
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": image, "command": ["sh", "-c", "true"]}],
        },
    }
