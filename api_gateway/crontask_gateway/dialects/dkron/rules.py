"""The rules that a job runs by: concurrency, retries, where, and the end of it all; what kubectl may add. Pure."""

from collections.abc import Sequence

from crontask_gateway.dialects.dkron.actions import Body
from crontask_gateway.dialects.dkron.processors import OUTPUT_BYTES
from crontask_gateway.dialects.dkron.wire import JobIn
from crontask_gateway.store import Job

MAX_RETRIES = 100
"""What the spec takes; a greater number is kept, shown, and counts as this."""
BESIDE = "Concurrency"
"""The word in `overridable` by which a run by hand may begin beside others."""
OF_BOTH = ("Timeout", BESIDE)
"""The words that fit a pod and a call alike."""
NEW: Body = {
    "overridable": [BESIDE],
    "missed": {"policy": "Skip"},
    "history": {"successful": 100, "failed": 100, "outputBytes": OUTPUT_BYTES},
    "retry": {"limit": 0, "backoff": {"kind": "Linear", "initialSeconds": 0.5, "maxSeconds": 10}},
}
"""What a new task has beside what its job says, as near to upstream as can be; from then on it is kubectl's."""


def rules(job: JobIn, old: Body) -> Body:
    """Concurrency, retries, pause, and the end of it all."""
    policy = old.get("concurrencyPolicy", "Allow")
    forbid = policy if policy != "Allow" else "Forbid"  # Dkron knows one word for all that is not "allow"
    return {
        "suspend": job.disabled,
        "concurrencyPolicy": forbid if job.concurrency == "forbid" else "Allow",
        "retry": (old.get("retry") or NEW["retry"]) | {"limit": min(job.retries, MAX_RETRIES)},
        "deleteAfter": "Success" if job.ephemeral else _never(old.get("deleteAfter", "Never")),
    }


def _never(before: str) -> str:
    """Another `deleteAfter` than that of `ephemeral` is kubectl's."""
    return "Never" if before == "Success" else before


def placed(wanted: Sequence[str], was: Job | None) -> Body:
    """Where it runs: what its tags say (`wanted`); without a word of theirs, what kubectl has said.

    What the tags said when it was stored last is in the document: the configuration may be another one by now.
    """
    if wanted:
        return {"targets": list(wanted)}
    kept = was.spec.get("targets") if was else None
    return {"targets": kept} if was and kept and kept != was.document.get("placed") else {}


def fitting(spec: Body, old: Body) -> Body:
    """The spec without what kubectl had added to another one, and which the API server would refuse in this."""
    if spec["concurrencyPolicy"] == "Allow":
        spec.pop("concurrencyLimit", None)
        spec.pop("queueLimit", None) if "group" not in spec else None
    if spec["suspend"]:
        spec.pop("suspendUntil", None)
    if ("pod" in spec) != ("pod" in old):
        spec["overridable"] = [word for word in old.get("overridable") or () if word in OF_BOTH]
    if "pod" not in spec:
        spec.pop("targets", None)
    return spec
