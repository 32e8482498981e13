"""What a pod's state means for its attempt: still on its way, ended, or doomed.

`pod_facts` reads the few fields that matter out of a pod object; `judge_pod`
tells what they mean. Reasons are one word each, the same in executions,
metrics and documents: Completed, NonZeroExit, OOMKilled, Timeout, Evicted,
Preempted, NodeLost, Deleted, Unschedulable, ImagePull, ContainerConfig, PodFailed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from crontask_core.podfacts import PodFacts, pod_facts

__all__ = ["PodDoomed", "PodEnd", "PodFacts", "PodPending", "judge_pod", "pod_facts"]

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
    "OutOfcpu": "Unschedulable",
    "OutOfmemory": "Unschedulable",
    "OutOfpods": "Unschedulable",
    "OutOfephemeral-storage": "Unschedulable",
}
_DISRUPTIONS: dict[str, str] = {
    "PreemptionByScheduler": "Preempted",
    "EvictionByEvictionAPI": "Evicted",
    "TerminationByKubelet": "Evicted",
    "DeletionByTaintManager": "NodeLost",
    "DeletionByPodGC": "NodeLost",
}
_ENDS: dict[str, tuple[str, str]] = {
    "OOMKilled": ("OOMKilled", "A container used more memory than its limit."),
    "StartError": ("ContainerConfig", "A container could not be started."),
    "ContainerCannotRun": ("ContainerConfig", "A container could not be started."),
    "ContainerStatusUnknown": ("NodeLost", "The node has lost track of a container."),
}
"""What a container's own reason means, where it says more than the exit code."""


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
    if pod.phase == "Pending" and not pod.initializing:
        return _waiting(pod, now, pending_timeout)
    if timeout is None:
        return PodPending(None)
    overdue = (pod.started_at or pod.created_at) + timeout + TIMEOUT_GRACE
    if now >= overdue:
        return PodDoomed("Timeout", "The pod ran on after its deadline.", ran=True)
    return PodPending(overdue)


def _failure(pod: PodFacts) -> PodEnd:
    """Why a pod has failed: what the cluster did to it comes before what its containers say."""
    reason = _STATUS_REASONS.get(pod.status_reason) or _DISRUPTIONS.get(pod.disruption)
    if reason == "Timeout" and pod.waiting in _IMAGE:
        return PodEnd(False, "ImagePull", f"The deadline passed while the image could not be pulled ({pod.waiting}).")
    if reason is not None:
        return PodEnd(False, reason, pod.message or pod.status_reason or pod.disruption)
    if pod.ended_as in _ENDS:
        reason, message = _ENDS[pod.ended_as]
        return PodEnd(False, reason, pod.message or message)
    if pod.delete_by is not None:
        # A container that the kubelet ends because of a deletion looks as if it had failed by itself.
        return PodEnd(False, "Deleted", pod.message or "The pod was deleted before it had ended.")
    if pod.exit_code is not None:
        return PodEnd(False, "NonZeroExit", pod.message or f"A container ended with exit code {pod.exit_code}.")
    return PodEnd(False, "PodFailed", pod.message or pod.status_reason)


def _leaving(pod: PodFacts, delete_by: datetime, now: datetime) -> PodEnd | PodPending:
    overdue = delete_by + GONE_AFTER
    if now >= overdue:
        return PodEnd(False, "NodeLost", f"The pod's deletion is not confirmed; node {pod.node} does not answer.")
    return PodPending(overdue)


def _waiting(pod: PodFacts, now: datetime, pending_timeout: timedelta) -> PodDoomed | PodPending:
    if pod.waiting in _HOPELESS:
        return PodDoomed("ImagePull", pod.message or pod.waiting, ran=pod.running)
    give_up = (pod.initialized_at or pod.created_at) + pending_timeout
    if now < give_up:
        return PodPending(give_up)
    waited = f"after {pending_timeout.total_seconds():.0f} seconds"
    if pod.waiting in _IMAGE:
        return PodDoomed("ImagePull", f"{waited}: {pod.message or pod.waiting}", ran=pod.running)
    if pod.waiting in _CONFIG:
        return PodDoomed("ContainerConfig", f"{waited}: {pod.message or pod.waiting}", ran=pod.running)
    if pod.node is None:
        return PodDoomed("Unschedulable", f"{waited}: {pod.unschedulable or 'no node was found'}", ran=False)
    return PodDoomed("PodFailed", f"The pod had not started {waited} ({pod.waiting or 'no reason given'}).", ran=True)
