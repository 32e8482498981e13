"""A job of cron-job.org as a CronTask and back; `calls.py` has its request, `outcomes.py` its history.

What runs, and when, stands in the spec. The document keeps only what the spec does not tell, and each
of its words is shown for as long as the spec holds what it was translated to: an edit by kubectl shows. A
change writes what it changes and nothing else, so what the service has no words for stays.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from crontask_gateway.dialects.cronjob_org import schedule
from crontask_gateway.dialects.cronjob_org.calls import AUTH, BODY, URL, apart, call, read_call, seconds_of, whole
from crontask_gateway.dialects.cronjob_org.notices import ways
from crontask_gateway.dialects.cronjob_org.options import Options
from crontask_gateway.dialects.cronjob_org.outcomes import from_execution, status_of
from crontask_gateway.dialects.cronjob_org.wire import SETS, Fields, JobIn, JobOut
from crontask_gateway.naming import Naming
from crontask_gateway.store import Change, Job
from crontask_gateway.upcoming import reckoned
from crontask_gateway.ways import with_ways

__all__ = ["Options", "fields_of", "from_execution", "from_task", "is_held", "number_of", "to_change", "to_task"]

Body = dict[str, Any]
NAME = "cronjob-org"
OTHERS_FROM = 1_000_000_000
"""Numbers of tasks that were not made here begin with this one, and fit 31 bits."""
_PARTS = (
    (("url", "request_method"), ("url", "method")),
    (("headers",), ("headers",)),
    (("body",), ("body",)),
    (("auth_enable",), ("auth",)),
)
"""Members of a job, and the fields of the call that they make."""
_OF_SPEC = frozenset({"enabled", "save_responses", "redirect_success", "timezone", *SETS})
"""Members that the spec tells as they are."""
_ELSEWHERE = frozenset({"auth_user", "auth_password"})
"""Members that the Secret holds."""


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
    document = _document(spec, bare, naming, options) | {"held": sorted(_marks(secrets))} | {"told": digests}
    return Change(
        spec=spec,
        document={name: value for name, value in document.items() if value},
        secrets=None if was is not None and secrets == dict(held) else secrets,
    )


def to_change(was: Job, *, folder: int) -> Change:
    """The same job in another folder."""
    words = {name: value for name, value in _words(was).items() if name != "folder_id"}
    words |= {"folder_id": folder} if folder else {}
    document = {name: value for name, value in was.document.items() if name != "job"}
    return Change(spec=dict(was.spec), document=document | ({"job": words} if words else {}), secrets=None)


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


def number_of(job: Job) -> int:
    """The job's number; of a task that was not made here one of the others' range, drawn from its uid."""
    if _is_own(job):
        return int(job.id)
    return OTHERS_FROM + int.from_bytes(blake2b(job.uid.encode(), digest_size=8).digest()) % OTHERS_FROM


def is_held(job: Job, *members: str) -> bool:
    """Whether one of these members (`URL` …; without any, whatever) is in the job's Secret."""
    held = job.document.get("held") if _is_own(job) else None
    return isinstance(held, list) and (any(each in held for each in members) if members else bool(held))


def fields_of(job: Job, held: Mapping[str, bytes], options: Options) -> Fields:
    """What a client has set of a job, or kubectl since; with what its Secret holds."""
    bare: Fields | None = job.made.get("cronjob_org")
    if bare is None:
        bare = _read(job.spec, _words(job), _held(job), job.naming, options)
        bare = job.made["cronjob_org"] = replace(bare, enabled=bare.enabled and not _switched_off(job))
    return whole(bare, held) if held else bare


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


def _document(spec: Body, bare: Fields, naming: Naming, options: Options) -> Body:
    """What the spec does not tell of a job."""
    told = asdict(_alone(spec, naming, options))
    skipped = _OF_SPEC | _ELSEWHERE
    return {"job": {n: value for n, value in asdict(bare).items() if n not in skipped and value != told[n]}}


def _read(spec: Body, words: Body, held: frozenset[str], naming: Naming, options: Options) -> Fields:
    """The job without credentials: the client's words where the spec is what they were translated to."""
    alone = _alone(spec, naming, options)
    kept = replace(alone, **{n: value for n, value in words.items() if n in Fields.__dataclass_fields__})
    made, http = call(kept, held, naming.name, options), spec.get("http") or {}
    told: Body = {}
    for members, of_call in _PARTS:
        same = "http" in spec and all(_same(made.get(each), http.get(each)) for each in of_call)
        told |= {member: getattr(kept if same else alone, member) for member in members}
    timeout = kept if seconds_of(kept.request_timeout, options) == spec.get("timeoutSeconds") else alone
    told["request_timeout"] = timeout.request_timeout
    return replace(kept, **told, **schedule.write(spec, kept))


def _alone(spec: Body, naming: Naming, options: Options) -> Fields:
    """What the spec tells by itself."""
    seconds = spec.get("timeoutSeconds") or 0
    told = read_call(spec["http"], naming.name) if "http" in spec else {}
    made = Fields(
        enabled=not spec.get("suspend"),
        save_responses=bool((spec.get("history") or {}).get("outputBytes", 1)),
        request_timeout=-1 if seconds in (0, options.timeout_seconds) else seconds,
        **told,
    )
    return replace(made, **schedule.write(spec, made))


def _same(ours: Any, theirs: Any) -> bool:
    """Whether a field holds what we would write; the API server fills in defaults."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(_same(ours.get(name), theirs.get(name)) for name in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    return (ours or None) == (theirs or None)


def _switched_off(job: Job) -> bool:
    """Whether the operator has switched the job off after failures, and nobody has edited it since."""
    seen = job.status.get("observedGeneration", job.generation)
    return bool(job.status.get("disabledAt")) and seen >= job.generation


def _told_of(was: Job | None) -> list[str]:
    """The digests of those entries of `notify` that are ours."""
    found = was.document.get("told") if was else None
    return found if isinstance(found, list) else []


def _is_own(job: Job) -> bool:
    return job.naming.scope.dialect == NAME


def _words(job: Job) -> Body:
    """What the document says; the title of a task that was not made here is its object's name."""
    if not _is_own(job):
        return {"title": job.key.name}
    found = job.document.get("job")
    return {**found} if isinstance(found, dict) else {}


def _held(job: Job) -> frozenset[str]:
    found = job.document.get("held") if _is_own(job) else None
    return frozenset(found) if isinstance(found, list) else frozenset()


def _marks(secrets: Mapping[str, bytes]) -> frozenset[str]:
    """What the document says of the Secret."""
    marks = {URL: URL in secrets, AUTH: "username" in secrets, BODY: BODY in secrets}
    headers = any(key.startswith("header-") for key in secrets)
    return frozenset([name for name, there in marks.items() if there] + (["headers"] if headers else []))


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
