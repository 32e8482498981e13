"""What a pod's state means for its attempt: still on its way, ended, or doomed.

`pod_facts` reads the few fields that matter out of a pod object; `judge_pod`
tells what they mean. Reasons are one word each, the same in executions,
metrics and documents: Completed, NonZeroExit, OOMKilled, Timeout, Evicted,
Preempted, NodeLost, Deleted, Unschedulable, ImagePull, ContainerConfig, PodFailed.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

GONE_AFTER = timedelta(seconds=30)
"""A pod whose deletion is overdue by this much sits on a node that no longer answers."""
TIMEOUT_GRACE = timedelta(seconds=30)
"""The kubelet ends a pod at its deadline; only when it has not done so this much later, we do."""

_HOPELESS = {"InvalidImageName": "ImagePull", "ErrImageNeverPull": "ImagePull"}
_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"}
_CONFIG = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"}
_STATUS_REASONS: dict[str, str] = {
    "DeadlineExceeded": "Timeout",
    "Evicted": "Evicted",
    "Preempting": "Preempted",
    "NodeLost": "NodeLost",
    "NodeShutdown": "NodeLost",
    "Terminated": "NodeLost",
    "NodeAffinity": "Unschedulable",
}
_DISRUPTIONS: dict[str, str] = {
    "PreemptionByScheduler": "Preempted",
    "EvictionByEvictionAPI": "Evicted",
    "TerminationByKubelet": "Evicted",
    "DeletionByTaintManager": "NodeLost",
    "DeletionByPodGC": "NodeLost",
}


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What of a pod decides about its attempt. Times are aware UTC."""

    name: str
    uid: str
    phase: str
    created_at: datetime
    container: str = ""
    """The container whose log is kept: the one named by the default-container annotation, or the first."""
    node: str | None = None
    started_at: datetime | None = None
    delete_by: datetime | None = None
    """When a requested deletion should be through (deletionTimestamp); None while nobody asked."""
    status_reason: str = ""
    message: str = ""
    exit_code: int | None = None
    ended_as: str = ""
    """The reason of the container that decided: Completed, Error, OOMKilled …"""
    waiting: str = ""
    """Why a container does not start, as the kubelet says it: ImagePullBackOff …"""
    unschedulable: str = ""
    disruption: str = ""
    gone: bool = False

    def as_gone(self) -> "PodFacts":
        """The same pod, known to be deleted."""
        return replace(self, gone=True)


@dataclass(frozen=True, slots=True)
class PodEnd:
    """The attempt has ended."""

    succeeded: bool
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class PodDoomed:
    """The attempt will not end well by itself: delete the pod."""

    reason: str
    message: str
    ran: bool
    """Whether a process may be running, so that the end has to be awaited."""


@dataclass(frozen=True, slots=True)
class PodPending:
    """Nothing to do before `look_again_at` (None: before the next event)."""

    look_again_at: datetime | None


def judge_pod(
    pod: PodFacts, now: datetime, *, pending_timeout: timedelta, timeout: timedelta | None
) -> PodEnd | PodDoomed | PodPending:
    """What the pod's state means at `now`."""
    if pod.phase == "Succeeded":
        return PodEnd(True, "Completed")
    if pod.phase == "Failed":
        return _failure(pod)
    if pod.gone:
        reason = _DISRUPTIONS.get(pod.disruption, "Deleted")
        return PodEnd(False, reason, pod.message or "The pod was deleted before it had ended.")
    if pod.delete_by is not None:
        return _leaving(pod, pod.delete_by, now)
    if pod.phase == "Pending" or pod.started_at is None:
        return _waiting(pod, now, pending_timeout)
    if timeout is None:
        return PodPending(None)
    overdue = pod.started_at + timeout + TIMEOUT_GRACE
    if now >= overdue:
        return PodDoomed("Timeout", "The pod ran on after its deadline.", ran=True)
    return PodPending(overdue)


def _failure(pod: PodFacts) -> PodEnd:
    reason = _STATUS_REASONS.get(pod.status_reason) or _DISRUPTIONS.get(pod.disruption)
    if reason is None and pod.ended_as == "OOMKilled":
        return PodEnd(False, "OOMKilled", pod.message or "A container used more memory than its limit.")
    if reason is None and pod.exit_code is not None:
        return PodEnd(False, "NonZeroExit", pod.message or f"A container ended with exit code {pod.exit_code}.")
    return PodEnd(False, reason or "PodFailed", pod.message or pod.status_reason)


def _leaving(pod: PodFacts, delete_by: datetime, now: datetime) -> PodEnd | PodPending:
    overdue = delete_by + GONE_AFTER
    if now >= overdue:
        return PodEnd(False, "NodeLost", f"The pod's deletion is not confirmed; node {pod.node} does not answer.")
    return PodPending(overdue)


def _waiting(pod: PodFacts, now: datetime, pending_timeout: timedelta) -> PodDoomed | PodPending:
    if pod.waiting in _HOPELESS:
        return PodDoomed("ImagePull", pod.message or pod.waiting, ran=False)
    give_up = pod.created_at + pending_timeout
    if now < give_up:
        return PodPending(give_up)
    waited = f"after {pending_timeout.total_seconds():.0f} seconds"
    if pod.waiting in _IMAGE:
        return PodDoomed("ImagePull", f"{waited}: {pod.message or pod.waiting}", ran=False)
    if pod.waiting in _CONFIG:
        return PodDoomed("ContainerConfig", f"{waited}: {pod.message or pod.waiting}", ran=False)
    if pod.node is None:
        return PodDoomed("Unschedulable", f"{waited}: {pod.unschedulable or 'no node was found'}", ran=False)
    return PodDoomed("PodFailed", f"The pod had not started {waited} ({pod.waiting or 'no reason given'}).", ran=True)


def pod_facts(pod: dict[str, Any]) -> PodFacts:
    """Reads a pod object of the API. Unknown or absent fields count as not said."""
    meta, spec, status = pod["metadata"], pod.get("spec", {}), pod.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    disruption = conditions.get("DisruptionTarget", {})
    deciding = _deciding(status)
    waiting = _waiting_state(status)
    return PodFacts(
        name=meta["name"],
        uid=meta["uid"],
        phase=status.get("phase", "Pending"),
        created_at=_time(meta["creationTimestamp"]),
        container=_log_container(meta, spec),
        node=spec.get("nodeName"),
        started_at=_optional_time(status.get("startTime")),
        delete_by=_optional_time(meta.get("deletionTimestamp")),
        status_reason=status.get("reason", ""),
        message=status.get("message") or deciding.get("message") or waiting.get("message") or "",
        exit_code=deciding.get("exitCode"),
        ended_as=deciding.get("reason", ""),
        waiting=waiting.get("reason", ""),
        unschedulable=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        disruption=disruption.get("reason", "") if disruption.get("status") == "True" else "",
    )


def _log_container(meta: dict[str, Any], spec: dict[str, Any]) -> str:
    chosen = (meta.get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    containers = spec.get("containers") or [{}]
    return str(chosen or containers[0].get("name", ""))


def _states(status: dict[str, Any]) -> list[dict[str, Any]]:
    listed = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return [container.get("state") or {} for container in listed]


def _deciding(status: dict[str, Any]) -> dict[str, Any]:
    """The ended container that decides: the first that failed, else the last that ended."""
    ended: list[dict[str, Any]] = [state["terminated"] for state in _states(status) if "terminated" in state]
    failed = [end for end in ended if end.get("exitCode")]
    return (failed or ended[-1:] or [{}])[0]


def _waiting_state(status: dict[str, Any]) -> dict[str, Any]:
    waiting: list[dict[str, Any]] = [state["waiting"] for state in _states(status) if "waiting" in state]
    telling = [state for state in waiting if state.get("reason") not in (None, "PodInitializing", "ContainerCreating")]
    return (telling or waiting or [{}])[0]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _optional_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
