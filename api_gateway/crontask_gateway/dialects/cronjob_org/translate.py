"""A job of cron-job.org as a CronTask and back; `words.py` reads it, `calls.py` has its request.

What runs, and when, stands in the spec. A change writes what it changes and nothing
else, so what the service has no words for stays.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from crontask_gateway.dialects.cronjob_org import schedule
from crontask_gateway.dialects.cronjob_org.calls import AUTH, BODY, URL, apart, call, seconds_of
from crontask_gateway.dialects.cronjob_org.notices import ways
from crontask_gateway.dialects.cronjob_org.options import Options
from crontask_gateway.dialects.cronjob_org.outcomes import from_execution, status_of
from crontask_gateway.dialects.cronjob_org.wire import Fields, JobIn, JobOut
from crontask_gateway.dialects.cronjob_org.words import fields_of, number_of, unsaid, words
from crontask_gateway.naming import Naming
from crontask_gateway.store import Change, Job
from crontask_gateway.upcoming import reckoned
from crontask_gateway.ways import with_ways

__all__ = ["Options", "from_execution", "from_task", "predictions", "to_change", "to_task"]

Body = dict[str, Any]


def to_task(
    job: JobIn, was: Job | None, held: Mapping[str, bytes], naming: Naming, options: Options, now: datetime
) -> Change:
    """What the store is to hold after a client's change; `held` is what the job's Secret holds. Raises Invalid."""
    seen = fields_of(was, held, options) if was else Fields()
    wanted = job.on(seen)
    if not schedule.known(wanted.timezone):  # a name that nobody knows is left out, as upstream does it
        wanted = replace(wanted, timezone=seen.timezone)
    bare, secrets = apart(wanted)
    want = _laid(bare, _marks(secrets), naming, options)
    if was is None:
        spec = _new(options) | want
    else:
        before, known = apart(seen)
        spec = _merged(was.spec, _laid(before, _marks(known), naming, options), want)
        spec = _fitting(spec, was.spec, wanted, seen, "enabled" in job.delta)
        spec = _with_refs(spec, was.spec, secrets)
        spec["failuresSince"] = _moment(now)
    told = was.document.get("told") if was else None
    notify, digests = with_ways(
        spec.get("notify") or [],
        told if isinstance(told, list) else [],
        ways(bare, options.notify, naming.scope.tenant),
    )
    spec |= {"notify": notify} if notify or "notify" in spec else {}
    document = unsaid(spec, bare, naming, options) | {"held": sorted(_marks(secrets))} | {"told": digests}
    return Change(
        spec=spec,
        document={name: value for name, value in document.items() if value},
        secrets=None if was is not None and secrets == dict(held) else secrets,
    )


def to_change(was: Job, *, folder: int) -> Change:
    """The same job in another folder."""
    told = {name: value for name, value in words(was).items() if name != "folder_id"}
    told |= {"folder_id": folder} if folder else {}
    document = {name: value for name, value in was.document.items() if name != "job"}
    return Change(spec=dict(was.spec), document=document | ({"job": told} if told else {}), secrets=None)


def from_task(job: Job, fields: Fields, now: datetime) -> JobOut:
    """The job as a client sees it; `fields` are what `fields_of` has made of it."""
    last = job.status.get("lastExecution") or {}
    begun, ended = _at(last.get("startedAt")), _at(last.get("finishedAt"))
    return JobOut(
        job_id=number_of(job),
        fields=fields,
        last_status=status_of(last.get("phase"), last.get("reason"), (job.spec.get("http") or {}).get("url")),
        last_duration=max(0, round((ended - begun).total_seconds() * 1000)) if begun and ended else 0,
        last_execution=int(begun.timestamp()) if begun else 0,
        next_execution=next_of(job, now),
    )


def next_of(job: Job, now: datetime) -> int | None:
    """The next instant, also of a job that is switched off; kept with this version of the job until it has passed."""
    kept: datetime | None = job.made.get("cronjob_org.next", now)
    if kept is not None and kept <= now:
        found = reckoned(job, now)
        kept = job.made["cronjob_org.next"] = found[0] if found else None
    return None if kept is None else int(kept.timestamp())


def predictions(job: Job, enabled: bool, now: datetime, count: int = 3) -> list[int]:
    """The next instants; none of a job that is switched off."""
    return [int(at.timestamp()) for at in reckoned(job, now, count)] if enabled else []


def _new(options: Options) -> Body:
    """What a new task has beside what its job says, as near to upstream as can be; from then on it is kubectl's."""
    spec: Body = {
        "dst": dict(schedule.NEW_DST),
        "concurrencyPolicy": "Allow",
        "missed": {"policy": "Skip"},
    }
    if options.disable_after_failures:
        spec |= {"disableAfterFailures": options.disable_after_failures, "disableIgnores": ["Timeout", "Lost"]}
    return spec


def _laid(bare: Fields, held: frozenset[str], naming: Naming, options: Options) -> Body:
    """All that a job says, in the spec's words."""
    saved = bare.save_responses
    return schedule.read(bare) | {
        "suspend": not bare.enabled,
        "timeoutSeconds": seconds_of(bare.request_timeout, options),
        "history": {
            "successful": options.history,
            "failed": options.history,
            "outputBytes": options.response_bytes if saved else 0,
            "headerBytes": options.header_bytes if saved else 0,
        },
        "http": call(bare, held, naming.name, options),
    }


def _merged(old: Mapping[str, Any], had: Mapping[str, Any], want: Mapping[str, Any]) -> Body:
    """`old` with what differs between `had` and `want`."""
    made = dict(old)
    for name in had.keys() | want.keys():
        before, after = had.get(name), want.get(name)
        if before == after:
            continue
        if after is None:
            made.pop(name, None)
        elif isinstance(before, dict) and isinstance(after, dict) and isinstance(made.get(name), dict):
            made[name] = after if name == "calendar" else _merged(made[name], before, after)
        else:
            made[name] = after
    return made


def _fitting(spec: Body, old: Mapping[str, Any], wanted: Fields, seen: Fields, switched: bool) -> Body:
    """The spec without what would contradict the change."""
    spec["suspend"] = not wanted.enabled  # also of one that the operator has switched off: an edit would resume it
    if switched or spec["suspend"]:
        spec.pop("suspendUntil", None)
    if "pod" in old:  # kubectl's; it stays until the client names another URL
        if wanted.url == seen.url:
            spec.pop("http", None)
        else:
            spec = {name: value for name, value in spec.items() if name not in ("pod", "targets", "overridable")}
    if "calendar" in spec and "calendar" not in old:
        spec = {name: value for name, value in spec.items() if name not in ("schedule", "schedules", "grammar")}
    return spec


def _with_refs(spec: Body, old: Mapping[str, Any], secrets: Mapping[str, bytes]) -> Body:
    """The spec with those headers as they were whose values come from a Secret of kubectl's."""
    http = spec.get("http") or {}
    before = {each["name"]: each for each in (old.get("http") or {}).get("headers") or () if "valueFrom" in each}

    def kept(header: Body) -> Body:
        ref = (header.get("valueFrom") or {}).get("secretKeyRef") or {}
        return before.get(header["name"], header) if ref and ref["key"] not in secrets else header

    return spec | {"http": http | {"headers": [kept(each) for each in http["headers"]]}} if "headers" in http else spec


def _told_of(was: Job | None) -> list[str]:
    """The digests of those entries of `notify` that are ours."""
    found = was.document.get("told") if was else None
    return found if isinstance(found, list) else []


def _marks(secrets: Mapping[str, bytes]) -> frozenset[str]:
    """What the document says of the Secret."""
    marks = {URL: URL in secrets, AUTH: "username" in secrets, BODY: BODY in secrets}
    headers = any(key.startswith("header-") for key in secrets)
    return frozenset([name for name, there in marks.items() if there] + (["headers"] if headers else []))


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
