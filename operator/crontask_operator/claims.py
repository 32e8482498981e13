"""An execution as its own lock: its phase becomes Running by a compare-and-swap before anything of it is sent.

That is how executions made by hand and executions that waited are begun; what
starts on time is covered by the shard's claim. Two operators never both begin.
"""

from typing import Any

from crontask_core.model import FINAL_PHASES, Phase
from crontask_kube.client import ApiClient
from crontask_kube.errors import Conflict
from crontask_kube.resources import EXECUTIONS
from crontask_operator.index import Run

TRIES = 3


async def claim(api: ApiClient, run: Run, phase: Phase = "Running", metadata: dict[str, Any] | None = None) -> None:
    """Sets the phase of an execution that has not begun. Raises Conflict where somebody else decided on it.

    A write of ours whose answer was lost and that was sent again finds its own first one: only a leader claims,
    and only one replica leads.
    """
    for left in reversed(range(TRIES)):
        patch = {
            "metadata": {**(metadata or {}), "resourceVersion": run.version},
            "status": {"phase": phase, "reason": run.reason or None, "message": run.message or None},
        }
        try:
            made = await api.patch(EXECUTIONS, run.key.namespace, run.key.name, patch)
        except Conflict:
            existing = await api.get(EXECUTIONS, run.key.namespace, run.key.name)
            found = (existing.get("status") or {}).get("phase", "Pending")
            if found == phase:
                return
            if found in FINAL_PHASES or found == "Running" or existing["spec"].get("stop") or not left:
                raise
            run.version = existing["metadata"]["resourceVersion"]
        else:
            run.version = made["metadata"]["resourceVersion"]
            return
