"""What processors do here. Upstream hands each output to them, and they may put a marker in its place. Pure.

A cluster's own collector takes what pods write to the node's log to wherever logs
go, which is what `log`, `syslog` and `fluent` are for. Where the configuration says
that there is one (`logsCollected`), a job with such a processor that does not
forward keeps its output out of the API, as upstream does. Other processors are
kept and do nothing.
"""

from collections.abc import Mapping
from typing import Any

from crontask_gateway.dialects.dkron.actions.pods import is_true
from crontask_gateway.dialects.dkron.members import Config, text_of
from crontask_gateway.dialects.dkron.words import kept_words
from crontask_gateway.store import Job

OUTPUT_BYTES = 256_000
"""What upstream keeps of an output."""
_MARKERS = {"log": "Output in dkron log", "syslog": "Output in syslog", "fluent": "Output sent to Fluent"}


def history(wanted: bool, processors: Mapping[str, Config], old: Mapping[str, Any], was: Job | None) -> dict[str, Any]:
    """`history` of a job: nothing of its output where that is `wanted` and a processor takes it; else as it was."""
    if wanted and _marker(processors):
        return {**old, "outputBytes": 0}
    if was is not None and marker(was):
        return {**old, "outputBytes": OUTPUT_BYTES}  # we had closed it
    return dict(old)


def marker(job: Job) -> str:
    """What a job's executions show in place of their output; empty where that is kept."""
    if "pod" not in job.spec or (job.spec.get("history") or {}).get("outputBytes") != 0:
        return ""
    return _marker(kept_words(job).processors)


def _marker(processors: Mapping[str, Config]) -> str:
    for name, told in _MARKERS.items():
        config = processors.get(name)
        if isinstance(config, dict) and not is_true(text_of(config.get("forward", ""))):
            return told
    return ""
