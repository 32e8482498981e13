"""A job as its client sees it, read from the spec and from what the document says besides. Pure.

The document keeps only what the spec does not tell, and each of its words is shown for
as long as the spec holds what it was translated to: an edit by kubectl shows.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import blake2b
from typing import Any

from crontask_gateway.dialects.cronjob_org import schedule
from crontask_gateway.dialects.cronjob_org.calls import call, read_call, seconds_of, whole
from crontask_gateway.dialects.cronjob_org.options import Options
from crontask_gateway.dialects.cronjob_org.wire import SETS, Fields
from crontask_gateway.naming import Naming
from crontask_gateway.store import Job

Body = dict[str, Any]
NAME = "cronjob-org"
OTHERS_FROM = 1_000_000_000
"""Numbers of tasks that were not made here begin with this one, and fit 31 bits."""
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_PARTS = (
    (("url", "request_method"), ("url", "method")),
    (("headers",), ("headers",)),
    (("body",), ("body",)),
    (("auth_enable",), ("auth",)),
)
"""Members of a job, and the fields of the call that they make."""
_OF_SPEC = frozenset({"enabled", "save_responses", "redirect_success", "timezone", *SETS})
"""Members that the spec tells as they are."""
_DEFAULTS = asdict(Fields())
_ELSEWHERE = frozenset({"auth_user", "auth_password"})
"""Members that the Secret holds."""


def fields_of(job: Job, held: Mapping[str, bytes], options: Options) -> Fields:
    """What a client has set of a job, or kubectl since; with what its Secret holds."""
    bare: Fields | None = job.made.get("cronjob_org")
    if bare is None:
        bare = _read(job.spec, words(job), _held(job), job.naming, options)
        bare = job.made["cronjob_org"] = replace(bare, enabled=bare.enabled and not _switched_off(job))
    return whole(bare, held) if held else bare


def is_held(job: Job, *members: str) -> bool:
    """Whether one of these members (`URL` …; without any, whatever) is in the job's Secret."""
    held = job.document.get("held") if _is_own(job) else None
    return isinstance(held, list) and (any(each in held for each in members) if members else bool(held))


def number_of(job: Job) -> int:
    """The job's number; of a task that was not made here one of the others' range, drawn from its uid."""
    if _is_own(job):
        return int(job.id)
    return OTHERS_FROM + int.from_bytes(blake2b(job.uid.encode(), digest_size=8).digest()) % OTHERS_FROM


def words(job: Job) -> Body:
    """What the document says; the title of a task that was not made here is its object's name."""
    if not _is_own(job):
        return {"title": job.key.name}
    found = job.document.get("job")
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if name in _DEFAULTS and _fits(value, _DEFAULTS[name])}


def _fits(value: Any, default: Any) -> bool:
    """Whether a word is of its member's type: somebody may have edited the annotation."""
    if isinstance(default, dict):
        return isinstance(value, dict) and all(held is None or isinstance(held, str) for held in value.values())
    return type(value) is type(default)


def is_numbered(job: Job) -> bool:
    """Whether an own job has a number as this API gives them; what kubectl has labelled otherwise is no job here."""
    return _NUMBER.fullmatch(job.id) is not None


def unsaid(spec: Body, bare: Fields, naming: Naming, options: Options) -> Body:
    """What the spec does not tell of a job."""
    told = asdict(_alone(spec, naming, options))
    skipped = _OF_SPEC | _ELSEWHERE
    return {"job": {n: value for n, value in asdict(bare).items() if n not in skipped and value != told[n]}}


def _read(spec: Body, words: Body, held: frozenset[str], naming: Naming, options: Options) -> Fields:
    """The job without credentials: the client's words where the spec is what they were translated to."""
    alone = _alone(spec, naming, options)
    kept = replace(alone, **words)
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


def _is_own(job: Job) -> bool:
    return job.naming.scope.dialect == NAME


def _held(job: Job) -> frozenset[str]:
    found = job.document.get("held") if _is_own(job) else None
    return frozenset(found) if isinstance(found, list) else frozenset()
