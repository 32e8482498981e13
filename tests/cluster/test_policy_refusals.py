"""What the API server refuses of policies that contradict themselves, in tasks, executions and companions."""

from typing import Any

import pytest
from live.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Body = dict[str, Any]
POD: Body = {"image": "busybox"}
CALL: Body = {"url": "https://example.com/hook"}
EARLY, LATE = "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"
SLACK: Body = {"slack": {"urlFrom": {"name": "s", "key": "url"}}}


def made(kind: str, spec: Body) -> Body:
    spec = {name: value for name, value in spec.items() if value is not None}
    return {"apiVersion": "crontask.dev/v1beta1", "kind": kind, "metadata": {"name": "probe"}, "spec": spec}


def task(**spec: Any) -> Body:
    """A pod every minute, unless told otherwise (None takes a field out)."""
    return made("CronTask", {"schedule": "* * * * *"} | ({} if "http" in spec else {"pod": POD}) | spec)


def notify(**way: Any) -> Body:
    return task(notify=[{"when": ["Failure"]} | way])


def execution(**spec: Any) -> Body:
    return made("CronTaskExecution", {"taskRef": {"name": "t"}} | spec)


def group(**spec: Any) -> Body:
    return made("CronTaskGroup", spec)


def calendar(**spec: Any) -> Body:
    return made("CronTaskCalendar", spec)


def target(**spec: Any) -> Body:
    return made("CronTaskTarget", spec)


# What is wrong, the object, the field that the answer names, and words of the remedy.
REFUSED: list[tuple[str, Body, str, str]] = [
    ("an end before the start", task(startAt=LATE, endAt=EARLY), "spec.endAt", "correct one of them"),
    ("a first run after the end", task(firstRunAt=LATE, endAt=EARLY), "spec.firstRunAt", "correct one of them"),
    ("a first run before the start", task(firstRunAt=EARLY, startAt=LATE), "spec.firstRunAt", "correct one of them"),
    ("a time without a zone", task(startAt="2030-01-01T00:00:00"), "spec.startAt", "date-time"),
    ("a pause with and without end", task(suspend=True, suspendUntil=LATE), "spec.suspendUntil", "remove one of them"),
    ("no text in the list", task(schedules=[]), "spec.schedules", "at least 1 item"),
    ("too many texts", task(schedules=["@daily"] * 21), "spec.schedules", "at most 20 items"),
    ("an empty text in the list", task(schedules=[""]), "spec.schedules[0]", "at least 1 char"),
    ("a minute that does not exist", task(calendar={"minutes": [60]}), "spec.calendar.minutes[0]", "equal to 59"),
    ("a day 0", task(calendar={"days": [0]}), "spec.calendar.days[0]", "equal to 1"),
    ("a weekday 7", task(calendar={"weekdays": [7]}), "spec.calendar.weekdays[0]", "equal to 6"),
    ("an unknown gap rule", task(dst={"gap": "Repeat"}), "spec.dst.gap", '"Skip", "Shift"'),
    ("an unknown overlap rule", task(dst={"overlap": "Third"}), "spec.dst.overlap", '"First", "Second", "Both"'),
    ("a negative spread", task(splaySeconds=-1), "spec.splaySeconds", "greater than or equal to 0"),
    ("a spread of over a day", task(splaySeconds=86_401), "spec.splaySeconds", "less than or equal to 86400"),
    ("a calendar twice", task(exclude=["a", "a"]), "spec.exclude", "remove one of the two"),
    ("a calendar with a wrong name", task(only=["Feier Tage"]), "spec.only[0]", "lower-case letters"),
    (
        "a limit without a policy that has one",
        task(concurrencyLimit=2),
        "spec.concurrencyLimit",
        "set Forbid, Replace or Queue",
    ),
    ("a queue without Queue", task(concurrencyPolicy="Forbid", queueLimit=5), "spec.queueLimit", "remove queueLimit"),
    ("no room at all", task(concurrencyPolicy="Queue", concurrencyLimit=0), "spec.concurrencyLimit", "equal to 1"),
    (
        "a limit of what is not counted",
        task(missed={"policy": "Latest", "limit": 5}),
        "spec.missed.limit",
        "set policy",
    ),
    ("a window of nothing", task(missed={"policy": "Skip", "withinSeconds": 5}), "spec.missed.withinSeconds", "remove"),
    ("after itself twice", task(after=[{"task": "a"}, {"task": "a"}]), "spec.after[1]", "Duplicate value"),
    ("after nothing", task(after=[]), "spec.after", "at least 1 item"),
    (
        "after an unknown end",
        task(after=[{"task": "a", "when": "Error"}]),
        "spec.after[0].when",
        '"Success", "Failure"',
    ),
    (
        "two words for one thing",
        task(after=[{"task": "a", "on": "Failure", "when": "Failure"}]),
        "spec.after[0]",
        "remove one of them",
    ),
    ("disabled at once", task(disableAfterFailures=0), "spec.disableAfterFailures", "equal to 1"),
    ("nothing to ignore", task(disableIgnores=["Timeout"]), "spec.disableIgnores", "remove disableIgnores"),
    (
        "an unknown failure to ignore",
        task(disableAfterFailures=3, disableIgnores=["Refused"]),
        "spec.disableIgnores[0]",
        '"Timeout", "Lost"',
    ),
    ("more headers than are kept", task(history={"headerBytes": 65_537}), "spec.history.headerBytes", "equal to 65536"),
    ("a tunnel", task(http=CALL | {"method": "CONNECT"}), "spec.http.method", '"GET", "HEAD"'),
    ("an unknown moment to go", task(deleteAfter="Always"), "spec.deleteAfter", '"Never", "Dispatch"'),
    ("a negative age", task(history={"ttlSeconds": -1}), "spec.history.ttlSeconds", "equal to 0"),
    ("targets of a call", task(http=CALL, targets=["a"]), "spec.targets", "replace http by pod"),
    ("a target twice", task(targets=["a", "a"]), "spec.targets", "remove one of the two"),
    ("a URL of a pod to override", task(overridable=["Url"]), "spec.overridable", "remove the others"),
    ("arguments of a call to override", task(http=CALL, overridable=["Args"]), "spec.overridable", "remove the others"),
    ("an unknown thing to override", task(overridable=["Image"]), "spec.overridable[0]", '"Env", "Args"'),
    ("an unknown back-off", task(retry={"backoff": {"kind": "Random"}}), "spec.retry.backoff.kind", '"Exponential"'),
    ("nobody to tell", notify(), "spec.notify[0]", "exactly one of webhook, email and slack"),
    ("two ways to tell", notify(email={"secretName": "s", "to": ["a@b.c"]}, **SLACK), "spec.notify[0]", "exactly one"),
    ("never to tell", task(notify=[SLACK | {"when": []}]), "spec.notify[0].when", "at least 1 item"),
    ("a keyword that nobody asks for", notify(keyword="x", **SLACK), "spec.notify[0].keyword", "set both or none"),
    ("a wish without the keyword", notify(when=["Keyword"], **SLACK), "spec.notify[0].keyword", "set both or none"),
    (
        "failures counted for nothing",
        notify(when=["Success"], after=3, **SLACK),
        "spec.notify[0].after",
        "remove after",
    ),
    ("repetition of nothing", notify(when=["Success"], repeat=True, **SLACK), "spec.notify[0].repeat", "remove repeat"),
    ("two addresses in one", notify(email={"secretName": "s", "to": ["a@b.c,d@e.f"]}), "to[0]", "one plain address"),
    ("a webhook without a URL", notify(webhook={}), "spec.notify[0].webhook", "exactly one of url and urlFrom"),
    ("a token for nobody", task(pod=None, http=CALL | {"auth": {"serviceAccountToken": {}}}), "audience", "Required"),
    ("a group without an end to its freeze", group(freezes=[{"start": EARLY}]), "spec.freezes[0].end", "Required"),
    ("a freeze that ends first", group(freezes=[{"start": LATE, "end": EARLY}]), "spec.freezes[0].end", "correct end"),
    ("a group that nothing may run in", group(concurrencyLimit=0), "spec.concurrencyLimit", "equal to 1"),
    ("a group that nothing may start in", group(startsPerSecond=0), "spec.startsPerSecond", "greater than 0"),
    ("a calendar of nothing", calendar(), "spec", "set dates, ranges, weekly or ical"),
    ("a date in another order", calendar(dates=["25.12.2030"]), "spec.dates[0]", "YYYY-MM-DD"),
    (
        "a range that ends first",
        calendar(ranges=[{"start": "2031-01-01", "end": "2030-01-01"}]),
        "spec.ranges[0].end",
        "swap the two",
    ),
    ("an unknown weekday", calendar(weekly=[{"days": ["Someday"]}]), "spec.weekly[0].days[0]", '"Mon", "Tue"'),
    ("an hour that does not exist", calendar(weekly=[{"start": "25:00"}]), "spec.weekly[0].start", "HH:MM"),
    ("a zone that does not exist", calendar(dates=["2030-12-25"], timeZone="Mars/Phobos"), "spec.timeZone", "IANA"),
    ("a target of nothing", target(), "spec", "set selector or template"),
    (
        "a backfill that ends first",
        execution(trigger="Backfill", backfill={"start": LATE, "end": EARLY}),
        ".end",
        "swap",
    ),
    ("a backfill by hand", execution(backfill={"start": EARLY, "end": LATE}), "spec.trigger", "needs the trigger"),
    (
        "overrides of a backfill",
        execution(trigger="Backfill", backfill={"start": EARLY, "end": LATE}, overrides={"args": ["x"]}),
        "spec.overrides",
        "remove overrides",
    ),
    (
        "a credential among the overrides",
        execution(overrides={"headers": [{"name": "Authorization", "value": "Bearer x"}]}),
        "spec.overrides.headers[0].value",
        "use auth",
    ),
    (
        "a variable from elsewhere among the overrides",
        execution(overrides={"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
        "spec.overrides.env",
        "write value in place of valueFrom",
    ),
]

ACCEPTED: list[tuple[str, Body]] = [
    ("schedules alone", task(schedule=None, schedules=["0 6 * * *", "@every 90s"])),
    ("a calendar alone", task(schedule=None, calendar={"minutes": [0, 30], "weekdays": []})),
    ("a first run alone", task(schedule=None, firstRunAt=LATE)),
    (
        "another task alone",
        task(schedule=None, after=[{"task": "a"}, {"task": "b", "when": "Failure"}, {"task": "c", "on": "Failure"}]),
    ),
    ("a window of one moment", task(startAt=LATE, endAt=LATE)),
    ("both rules for clock changes", task(dst={"gap": "Shift", "overlap": "Second"})),
    ("a queue", task(concurrencyPolicy="Queue", concurrencyLimit=3, queueLimit=50)),
    ("a queue for the group", task(group="night", queueLimit=50)),
    ("everything that was missed", task(missed={"policy": "All", "withinSeconds": 3600, "limit": 100})),
    ("a pause with an end", task(suspend=False, suspendUntil=LATE)),
    ("all that a pod can override", task(overridable=["Env", "Args", "Timeout", "Concurrency"])),
    (
        "all that a call can override",
        task(pod=None, http=CALL, overridable=["Url", "Headers", "Body", "Timeout", "Concurrency"]),
    ),
    ("every way and moment to tell", notify(when=["Failure", "Recovery", "Keyword"], after=3, keyword="oom", **SLACK)),
    ("every failure to tell", notify(when=["Started", "Failure"], after=3, repeat=True, **SLACK)),
    ("a token of a ServiceAccount", task(pod=None, http=CALL | {"auth": {"serviceAccountToken": {"audience": "a"}}})),
    ("an empty group", group()),
    ("a group in full", group(suspend=True, freezeCalendars=["x"], concurrencyLimit=5, startsPerSecond=0.5)),
    (
        "a calendar in full",
        calendar(dates=["2030-12-25"], weekly=[{"days": ["Sat"], "start": "22:00", "end": "06:00"}]),
    ),
    ("a target by its nodes", target(selector={"disk": "ssd"})),
    ("a target by an overlay", target(template={"spec": {"tolerations": [{"operator": "Exists"}]}})),
    ("a backfill", execution(trigger="Backfill", backfill={"start": EARLY, "end": EARLY, "parallelism": 5})),
    ("overrides", execution(overrides={"args": ["x"], "timeoutSeconds": 5})),
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
