"""What the API server refuses and accepts of tasks, with the field and the remedy in its answer."""

from typing import Any

import pytest
from live.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Body = dict[str, Any]
POD: Body = {"image": "busybox"}
URL = "https://example.com/hook"


def task(**spec: Any) -> Body:
    """A task; every minute, a pod, unless told otherwise (None takes a field out)."""
    action = {} if {"pod", "http"} & set(spec) else {"pod": POD}
    filled = {"schedule": "* * * * *"} | action | spec
    return {
        "apiVersion": "crontask.dev/v1beta1",
        "kind": "CronTask",
        "metadata": {"name": "probe"},
        "spec": {name: value for name, value in filled.items() if value is not None},
    }


def http(**fields: Any) -> Body:
    return task(http={"url": URL} | fields)


def pod(**fields: Any) -> Body:
    return task(pod=POD | fields)


def template(**spec: Any) -> Body:
    return task(pod={"template": {"spec": {"containers": [{"name": "main", "image": "busybox"}]} | spec}})


def header(**fields: Any) -> Body:
    return http(headers=[fields])


# What is wrong, the task, the field that the answer names, and words of the remedy.
REFUSED: list[tuple[str, Body, str, str]] = [
    ("no action", task(pod=None), "spec", "add pod or http"),
    ("two actions", task(pod=POD, http={"url": URL}), "spec", "keep one action"),
    ("no schedule", task(schedule=None), "spec", "set schedule, schedules, calendar"),
    ("an empty schedule", task(schedule=""), "spec.schedule", "at least 1 char"),
    ("four fields", task(schedule="* * * *"), "spec.schedule", "5 fields (minutes first)"),
    ("eight fields", task(schedule="0 0 0 1 1 * 2030 x"), "spec.schedule", "7 (with years)"),
    ("a character of no field", task(schedule="*/5 * * * %"), "spec.schedule", "use digits, names"),
    ("a zone in the text", task(schedule="CRON_TZ=UTC 0 1 * * *"), "spec.schedule", "set timeZone"),
    ("a zone in small letters", task(schedule="tz=UTC 0 1 * * *"), "spec.schedule", "set timeZone"),
    ("an unknown word", task(schedule="@reboot"), "spec.schedule", "@hourly, @manual"),
    ("a word with a tail", task(schedule="@hourly please"), "spec.schedule", "write one of @yearly"),
    ("every without a unit", task(schedule="@every 90"), "spec.schedule", "@every 90s"),
    ("at without a time", task(schedule="@at tomorrow"), "spec.schedule", "@at 2030-01-02T03:04:05Z"),
    ("at without a zone", task(schedule="@at 2030-01-02T03:04:05"), "spec.schedule", "@at 2030-01-02T03:04:05Z"),
    ("a schedule beyond all measure", task(schedule="1," * 300), "spec.schedule", "500"),
    ("an unknown grammar", task(grammar="quartz"), "spec.grammar", '"standard", "robfig-v1"'),
    ("a zone that does not exist", task(timeZone="Mars/Phobos"), "spec.timeZone", "IANA name such as Europe/Berlin"),
    ("a zone in wrong letters", task(timeZone="europe/berlin"), "spec.timeZone", "IANA name such as Europe/Berlin"),
    ("an offset for a zone", task(timeZone="+01:00"), "spec.timeZone", "IANA name such as Europe/Berlin"),
    ("the machine's own zone", task(timeZone="Local"), "spec.timeZone", "IANA name such as Europe/Berlin"),
    ("a zone with a path", task(timeZone="../../etc/passwd"), "spec.timeZone", "IANA name such as Europe/Berlin"),
    ("an unknown policy", task(concurrencyPolicy="Maybe"), "spec.concurrencyPolicy", '"Allow", "Forbid", "Replace"'),
    ("an unknown missed policy", task(missed={"policy": "Some"}), "spec.missed.policy", '"Skip", "Latest"'),
    (
        "a negative deadline",
        task(startingDeadlineSeconds=-1),
        "spec.startingDeadlineSeconds",
        "greater than or equal to 0",
    ),
    ("no time at all", task(timeoutSeconds=0), "spec.timeoutSeconds", "greater than or equal to 1"),
    ("negative retries", task(retry={"limit": -1}), "spec.retry.limit", "greater than or equal to 0"),
    ("endless retries", task(retry={"limit": 101}), "spec.retry.limit", "less than or equal to 100"),
    ("a shrinking back-off", task(retry={"backoff": {"factor": 0.5}}), "spec.retry.backoff.factor", "equal to 1"),
    (
        "a back-off that ends below its start",
        task(retry={"backoff": {"initialSeconds": 60, "maxSeconds": 10}}),
        "spec.retry",
        "raise maxSeconds or lower initialSeconds",
    ),
    ("negative history", task(history={"failed": -1}), "spec.history.failed", "greater than or equal to 0"),
    ("too much output", task(history={"outputBytes": 10**9}), "spec.history.outputBytes", "262144"),
    ("a word for a number", task(timeoutSeconds="ten"), "spec.timeoutSeconds", "must be of type integer"),
    ("a word for a switch", task(suspend="yes"), "spec.suspend", "must be of type boolean"),
    ("a misspelt field", task(scheduel="* * * * *"), "spec.scheduel", "unknown field"),
    ("a pod without a container", task(pod={}), "spec.pod", "set image"),
    (
        "a template and the short form",
        task(pod=POD | {"template": {"spec": {"containers": [{"name": "main"}]}}}),
        "spec.pod",
        "remove image, or remove template",
    ),
    (
        "arguments beside a template",
        task(pod={"args": ["x"], "template": {"spec": {"containers": [{"name": "main"}]}}}),
        "spec.pod",
        "set them in its containers",
    ),
    ("a template without containers", template(containers=[]), "spec.pod.template.spec.containers", "at least 1 item"),
    (
        "a container without a name",
        template(containers=[{"image": "busybox"}]),
        "spec.pod.template.spec.containers[0].name",
        "Required value",
    ),
    (
        "two containers of one name",
        template(containers=[{"name": "a"}, {"name": "a"}]),
        "spec.pod.template.spec.containers[1]",
        "Duplicate value",
    ),
    (
        "a pod without an end",
        template(restartPolicy="Always"),
        "spec.pod.template.spec.restartPolicy",
        '"Never", "OnFailure"',
    ),
    (
        "a variable with two values",
        pod(env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]),
        "spec.pod.env[0]",
        "remove one of them",
    ),
    ("a variable with =", pod(env=[{"name": "A=B", "value": "1"}]), "spec.pod.env[0].name", "rename it"),
    ("a variable twice", pod(env=[{"name": "A"}, {"name": "A"}]), "spec.pod.env[1]", "Duplicate value"),
    (
        "an unknown source",
        pod(env=[{"name": "A", "valueFrom": {"vault": {}}}]),
        "spec.pod.env[0].valueFrom.vault",
        "unknown field",
    ),
    (
        "a source without a key",
        pod(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}]),
        "secretKeyRef.key",
        "Required value",
    ),
    (
        "two sources",
        pod(
            env=[
                {
                    "name": "A",
                    "valueFrom": {"fieldRef": {"fieldPath": "x"}, "resourceFieldRef": {"resource": "limits.cpu"}},
                }
            ]
        ),
        "spec.pod.env[0].valueFrom",
        "at most 1 item",
    ),
    ("a list for an amount", pod(resources={"limits": {"cpu": [1]}}), "spec.pod.resources.limits.cpu", "type integer"),
    ("a scheme that is not HTTP", http(url="ftp://example.com/"), "spec.http.url", "start with http:// or https://"),
    ("a relative URL", http(url="/only/a/path"), "spec.http.url", "must be absolute"),
    ("a URL with a blank", http(url="https://example.com/a b"), "spec.http.url", "write blanks as %20"),
    ("a URL with a line break", http(url="https://example.com/a\r\nX: y"), "spec.http.url", "hold no blanks"),
    ("a password in the URL", http(url="https://me:secret@example.com/"), "spec.http.url", "use auth with a Secret"),
    ("a user in the URL", http(url="https://me@example.com/"), "spec.http.url", "use auth with a Secret"),
    ("an unknown method", http(method="FETCH"), "spec.http.method", '"GET", "HEAD", "POST"'),
    (
        "a line break in a header",
        header(name="X-A", value="a\r\nX-B: c"),
        "spec.http.headers[0].value",
        "remove line breaks",
    ),
    (
        "a control character in a header",
        header(name="X-A", value="a\x00b"),
        "spec.http.headers[0].value",
        "control characters",
    ),
    ("a blank in a header's name", header(name="X A", value="a"), "spec.http.headers[0].name", "remove blanks"),
    ("a header with no name", header(name="", value="a"), "spec.http.headers[0].name", "at least 1 char"),
    ("a header without a value", header(name="X-A"), "spec.http.headers[0]", "set value or valueFrom"),
    (
        "a header with two values",
        header(name="X-A", value="a", valueFrom={"secretKeyRef": {"name": "s", "key": "k"}}),
        "spec.http.headers[0]",
        "remove one of them",
    ),
    (
        "a credential in a header",
        header(name="authorization", value="Bearer x"),
        "spec.http.headers[0].value",
        "use auth",
    ),
    (
        "a cookie in a header",
        header(name="Cookie", value="s=1"),
        "spec.http.headers[0].value",
        "valueFrom with a Secret",
    ),
    (
        "a header of the connection",
        header(name="Transfer-Encoding", value="x"),
        "spec.http.headers[0].name",
        "remove it",
    ),
    ("no credentials in auth", http(auth={}), "spec.http.auth", "exactly one of basic, bearer"),
    (
        "two credentials in auth",
        http(auth={"basic": {"secretName": "s"}, "bearer": {"secretName": "s"}}),
        "spec.http.auth",
        "exactly one of basic, bearer",
    ),
    (
        "a Secret with a wrong name",
        http(auth={"bearer": {"secretName": "My Secret"}}),
        "secretName",
        "lower-case letters",
    ),
    (
        "a key with a wrong name",
        http(auth={"bearer": {"secretName": "s", "key": "a/b"}}),
        "bearer.key",
        "one of the Secret's keys",
    ),
    ("a code that is none", http(success={"codes": ["2xx"]}), "spec.http.success.codes[0]", "200-299"),
    ("no code", http(success={"codes": []}), "spec.http.success.codes", "at least 1 item"),
    ("an instant phase", http(timeouts={"connectSeconds": 0}), "spec.http.timeouts.connectSeconds", "greater than 0"),
    ("verification turned off", http(tls={"insecure": True}), "spec.http.tls.insecure", "unknown field"),
    ("a negative limit", http(maxResponseBytes=-1), "spec.http.maxResponseBytes", "greater than or equal to 0"),
]

ACCEPTED: list[tuple[str, Body]] = [
    ("five fields", task(schedule="*/5 0-6 1,15 * MON-FRI")),
    ("six fields", task(schedule="30 0 12 * * ?")),
    ("seven fields", task(schedule="0 0 0 1 1 * 2030-2040")),
    ("special days", task(schedule="0 0 L-3,LW,15W * *")),
    ("the second Friday", task(schedule="0 0 * * FRI#2")),
    ("hashed fields", task(schedule="H H(0-5) * * *")),
    ("blanks around and between", task(schedule="  0\t0  * * * ")),
    ("a word", task(schedule="@daily")),
    ("a word in capitals", task(schedule="@Hourly")),
    ("an interval", task(schedule="@every 1h30m")),
    ("one time", task(schedule="@at 2030-01-02T03:04:05+01:00")),
    ("by hand alone", task(schedule="@manual")),
    ("a text of another grammar", task(schedule="@minutely", grammar="dkron")),
    ("a zone within another grammar's text", task(schedule="TZ=UTC 0 0 1 * * *", grammar="robfig-v3")),
    ("a zone", task(timeZone="America/Argentina/Buenos_Aires")),
    ("a zone with a sign", task(timeZone="Etc/GMT+5")),
    ("the operator's zone", task(timeZone="")),
    ("null for absence", task() | {"spec": task()["spec"] | {"timeoutSeconds": None}}),
    ("no deadline to speak of", task(startingDeadlineSeconds=0)),
    (
        "a template",
        template(restartPolicy="OnFailure", nodeSelector={"a": "b"}, volumes=[{"name": "v", "emptyDir": {}}]),
    ),
    (
        "the short form in full",
        pod(
            command=["sh", "-c"],
            args=["echo $(CRONTASK_TASK)"],
            env=[
                {"name": "A", "value": "1"},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
                {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
            ],
            resources={"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": 1}},
            pendingTimeoutSeconds=60,
        ),
    ),
    ("an address with a port", http(url="http://127.0.0.1:8080")),
    ("an IPv6 address", http(url="http://[::1]:8080/x?y=1#z")),
    ("an @ in a path", http(url="https://example.com/@me?mail=a@b")),
    ("substitutions", http(url="https://example.com/$(CRONTASK_EXECUTION)", body="$(CRONTASK_SCHEDULED_AT)")),
    (
        "a call in full",
        http(
            method="POST",
            headers=[
                {"name": "Content-Type", "value": "application/json"},
                {"name": "X-Empty", "value": ""},
                {"name": "X-Api-Key", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            ],
            auth={"basic": {"secretName": "s"}},
            followRedirects=False,
            success={"codes": ["200-204", "302"], "bodyRegex": "^ok"},
            tls={"caSecret": {"name": "s", "key": "ca.crt"}, "serverName": "internal"},
            timeouts={"lookupSeconds": 0.5},
            maxResponseBytes=0,
        ),
    ),
]


@pytest.mark.parametrize(("reason", "body", "field", "remedy"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(dry_kubectl: Kubectl, reason: str, body: Body, field: str, remedy: str) -> None:
    answer = dry_kubectl.create(body, dry=True)
    assert answer.code != 0, reason
    assert field in answer.err
    assert remedy in answer.err


@pytest.mark.parametrize(("reason", "body"), ACCEPTED, ids=[row[0] for row in ACCEPTED])
def test_accepted(dry_kubectl: Kubectl, reason: str, body: Body) -> None:
    answer = dry_kubectl.create(body, dry=True)
    assert answer.code == 0, f"{reason}: {answer.err}"


def test_stored_as_written_with_scalar_defaults(dry_kubectl: Kubectl) -> None:
    stored = dry_kubectl.create(task(retry={"limit": 2}), dry=True).body["spec"]
    assert stored == {
        "schedule": "* * * * *",
        "grammar": "standard",
        "suspend": False,
        "concurrencyPolicy": "Allow",
        "deleteAfter": "Never",
        "retry": {"limit": 2, "lost": False},
        "pod": {"image": "busybox", "pendingTimeoutSeconds": 300},
    }


def test_a_password_in_a_url_is_not_repeated(dry_kubectl: Kubectl) -> None:
    answer = dry_kubectl.create(http(url="https://me:hunter2@example.com/"), dry=True)
    assert "spec.http.url" in answer.err
    assert "hunter2" not in answer.err
