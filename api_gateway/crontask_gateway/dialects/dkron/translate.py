"""A Dkron job as a CronTask and back; `attempts.py` has the executions, `words.py` the document.

What runs, and when, stands in the spec. The document keeps the client's own words;
each of them is shown for as long as the spec holds what it was translated to, so
an edit by kubectl shows, and what was not edited reads back as it was written.
What Dkron cannot say (notifications, targets, resources …) stays in the spec untouched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from crontask_gateway import gotime
from crontask_gateway.dialects.dkron import schedule
from crontask_gateway.dialects.dkron.actions import (
    FIELDS,
    MASK,
    Action,
    Body,
    action,
    laid_over,
    read_action,
    same_host,
    secret_keys,
)
from crontask_gateway.dialects.dkron.attempts import from_execution
from crontask_gateway.dialects.dkron.counters import cleared, restored, shown
from crontask_gateway.dialects.dkron.notifications import ways
from crontask_gateway.dialects.dkron.options import Options
from crontask_gateway.dialects.dkron.processors import history
from crontask_gateway.dialects.dkron.rules import MAX_RETRIES, NEW, fitting, placed, rules
from crontask_gateway.dialects.dkron.tags import places
from crontask_gateway.dialects.dkron.upcoming import next_of
from crontask_gateway.dialects.dkron.wire import NEVER, JobIn, JobOut
from crontask_gateway.dialects.dkron.words import kept_words, parent_of, schedule_of, words
from crontask_gateway.errors import Invalid
from crontask_gateway.gotime import GoError
from crontask_gateway.naming import Naming
from crontask_gateway.store import Change, Job
from crontask_gateway.ways import with_ways

__all__ = ["Options", "from_execution", "from_task", "steady", "to_change", "to_task"]

_EARLIEST = gotime.instant("1970-01-01T00:00:00Z")
_OURS = (
    "schedule", "grammar", "timeZone", "startAt", "endAt", "suspend", "concurrencyPolicy", "retry", "after",
    "deleteAfter", "targets", "history", "notify", *FIELDS,
)  # fmt: skip


def to_task(job: JobIn, was: Job | None, naming: Naming, options: Options, *, restore: bool = False) -> Change:
    """What the store is to hold of a checked job. Counters of the client count only in a `restore`."""
    old: Body = was.spec if was else NEW
    made = action(job, image=options.image, images=options.images, secret=naming.name)
    if was is not None and read_action(was.spec, kept_words(was), naming.name) == (job.executor, job.executor_config):
        # Sent back as it was read: what kubectl has added stays, and so does what a client cannot see.
        made.fields = {name: was.spec[name] for name in FIELDS if name in was.spec}
        made.secrets, made.kept = {}, set(secret_keys(was.spec, naming.name))
    else:
        made.fields = laid_over(old, made.fields, naming.name)
    spec = {name: value for name, value in old.items() if name not in _OURS}
    nodes = places(job.name, job.tags, options.targets)
    spec |= _timing(job, was, naming) | rules(job, old) | placed(nodes, was) | made.fields
    collected = options.logs_collected and "pod" in spec
    if kept := history(collected, job.processors, old.get("history") or {}, was):
        spec["history"] = kept
    notify, told = with_ways(old.get("notify") or [], _told_of(was), ways(job, options.notify, options.node))
    spec |= {"notify": notify} if notify or "notify" in old else {}
    counted = restored(job, was) if restore else (was.document.get("counted") if was else None)
    document = {"job": words(job), "counted": counted, "told": told, "placed": nodes}
    return Change(
        spec=fitting(spec, old),
        document={name: value for name, value in document.items() if value or name == "job"},
        secrets=_secrets(made, was, naming),
    )


def to_change(was: Job, *, disabled: bool | None = None, forget: bool = False) -> Change:
    """The same job switched on or off, or with counters that begin anew (`forget`)."""
    spec, document = dict(was.spec), dict(was.document)
    if disabled is not None:
        spec["suspend"] = disabled
        spec.pop("suspendUntil", None)
    if forget:
        document["counted"] = cleared(was)
    return Change(spec=spec, document=document, secrets=None)


def from_task(job: Job, now: datetime, children: Sequence[str] = ()) -> JobOut:
    """The job as a client sees it; `children` are the jobs whose parent it is, in the order of their attachment."""
    return replace(steady(job), dependent_jobs=list(children) or None, next=next_of(job, now))


def steady(job: Job) -> JobOut:
    """The job without children and next instant, which do not depend on it alone; kept with it."""
    found: JobOut = job.made.get("dkron") or job.made.setdefault("dkron", _read(job))
    return found


def _read(job: Job) -> JobOut:
    kept, spec = kept_words(job), job.spec
    executor, config = read_action(spec, kept, job.naming.name)
    limit = (spec.get("retry") or {}).get("limit", 0)
    alone = spec.get("concurrencyPolicy", "Allow") != "Allow"
    return JobOut(
        name=job.id,
        displayname=kept.displayname,
        timezone=schedule.write_zone(spec.get("timeZone", ""), kept.timezone),
        schedule=schedule_of(job),
        owner=kept.owner,
        owner_email=kept.owner_email,
        **shown(job),
        disabled=bool(spec.get("suspend")),
        tags=kept.tags,
        metadata=kept.metadata,
        retries=kept.retries if min(kept.retries, MAX_RETRIES) == limit else limit,
        dependent_jobs=None,
        parent_job=parent_of(job),
        processors=kept.processors,
        concurrency="forbid" if alone else kept.concurrency if kept.concurrency != "forbid" else "allow",
        executor=executor,
        executor_config=config,
        next=NEVER,
        ephemeral=spec.get("deleteAfter") == "Success",
        starts_at=_bound(spec, "startAt", kept),
        expires_at=_bound(spec, "endAt", kept),
    )


def _timing(job: JobIn, was: Job | None, naming: Naming) -> Body:
    """When the task is due; what is sent back as it was read stays as it is, even if Dkron could not say it."""
    spec: Body = {"timeZone": schedule.read_zone(job.timezone)}
    same_parent = was is not None and job.parent_job == parent_of(was)
    kept = was.spec if was is not None and same_parent else {}
    if was is not None and same_parent and job.schedule == schedule_of(was):
        spec |= {name: kept[name] for name in ("schedule", "grammar") if name in kept}
    elif not job.parent_job:
        spec |= {"schedule": schedule.read(job.schedule, job.name), "grammar": schedule.GRAMMAR}
    if job.parent_job:
        spec["after"] = kept.get("after") or [{"task": Naming(naming.scope, job.parent_job).name, "when": "Success"}]
    return spec | {name: gotime.rfc3339(at) for name, at in _bounds(job).items()}


def _bounds(job: JobIn) -> dict[str, int]:
    """`startAt` and `endAt` as the spec can hold them; a start after the end makes a schedule that is over."""
    start, end = job.starts_at, job.expires_at
    if start is not None and end is not None and end < start:
        start, end = None, _EARLIEST
    return {name: _told(at) for name, at in (("startAt", start), ("endAt", end)) if at is not None}


def _told(at: int) -> int:
    """An instant as the spec can hold it: whole microseconds, not before there were any."""
    return max(at - at % 1000, _EARLIEST)


def _bound(spec: Body, name: str, kept: JobIn) -> int | None:
    """`starts_at` or `expires_at` as the client wrote it, or as the spec has it now."""
    try:
        now = gotime.instant(spec[name]) if spec.get(name) else None
    except GoError:
        return None
    if now == _bounds(kept).get(name):
        return kept.starts_at if name == "startAt" else kept.expires_at
    return now


def _told_of(was: Job | None) -> list[str]:
    """The digests of those entries of `notify` that are the configuration's."""
    held = was.document.get("told") if was else None
    return held if isinstance(held, list) else []


def _secrets(made: Action, was: Job | None, naming: Naming) -> Mapping[str, bytes] | None:
    """Credentials for the Secret; None where the client means those that it has been shown masked. Raises Invalid."""
    if not made.kept:
        return made.secrets
    if made.kept - (secret_keys(was.spec, naming.name) if was else frozenset()):
        raise Invalid(
            f"{MASK} stands for a stored credential, and there is none; write the credential", "executor_config"
        )
    if was and not same_host(made.fields, was.spec):
        raise Invalid(
            f"{MASK} stands for a credential of another host; write the credential for this one", "executor_config.url"
        )
    if made.secrets:
        raise Invalid(f"some credentials are masked; write all of them, or leave all as {MASK}", "executor_config")
    return None
