"""The few fields of a pod that decide about its attempt, read out of the API's object.

Sidecars (init containers that are restarted always) decide nothing: they end
after the others, often with an exit code of their own. What the facts mean is
told by `crontask_core.pods`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

State = dict[str, Any]
"""A container's state as the API has it: one of waiting, running, terminated."""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What of a pod decides about its attempt. Times are aware UTC."""

    name: str
    uid: str
    phase: str
    created_at: datetime
    container: str = ""
    """
    The container whose log is kept: an init container that failed, else the one that the default-container
    annotation names, else the first.
    """
    node: str | None = None
    started_at: datetime | None = None
    """When the node took the pod on; its deadline counts from here."""
    initializing: bool = False
    """Whether an init container is at work (the phase is Pending all the while)."""
    initialized_at: datetime | None = None
    """When the last init container so far ended."""
    running: bool = False
    """Whether any container runs."""
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


def pod_facts(pod: dict[str, Any]) -> PodFacts:
    """Reads a pod object of the API. Unknown or absent fields count as not said."""
    meta, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or ()}
    scheduled, disruption = conditions.get("PodScheduled", {}), conditions.get("DisruptionTarget", {})
    disrupted = disruption.get("status") == "True"
    init, main = _containers(spec, status)
    deciding, waiting = _deciding({**init, **main}), _waiting_state(status)
    said = (status, disruption if disrupted else {}, deciding, waiting)
    return PodFacts(
        name=meta["name"],
        uid=meta["uid"],
        phase=status.get("phase") or "Pending",
        created_at=_time(meta["creationTimestamp"]),
        container=_failed_init(init) or _log_container(meta, spec),
        node=spec.get("nodeName"),
        started_at=_optional_time(status.get("startTime")),
        initializing=any(state.get("running") is not None for state in init.values()),
        initialized_at=max((_time(end["finishedAt"]) for end in _ends(init) if end.get("finishedAt")), default=None),
        running=any(state.get("running") is not None for state in _states(status)),
        delete_by=_optional_time(meta.get("deletionTimestamp")),
        status_reason=status.get("reason") or "",
        message=next((part["message"] for part in said if part.get("message")), ""),
        exit_code=deciding.get("exitCode"),
        ended_as=deciding.get("reason", ""),
        waiting=waiting.get("reason", ""),
        unschedulable=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        disruption=disruption.get("reason", "") if disrupted else "",
    )


def _states(status: dict[str, Any]) -> list[State]:
    listed = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return [container.get("state") or {} for container in listed]


def _containers(spec: dict[str, Any], status: dict[str, Any]) -> tuple[dict[str, State], dict[str, State]]:
    """The states of the init containers and of the others, by name; sidecars decide nothing and are left out."""
    sidecars = {c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
    init = {c["name"]: c.get("state") or {} for c in status.get("initContainerStatuses") or ()}
    main = {c["name"]: c.get("state") or {} for c in status.get("containerStatuses") or ()}
    return {name: state for name, state in init.items() if name not in sidecars}, main


def _ends(states: dict[str, State]) -> list[dict[str, Any]]:
    return [state["terminated"] for state in states.values() if state.get("terminated")]


def _deciding(states: dict[str, State]) -> dict[str, Any]:
    """The ended container that decides: the first that failed, else the last that ended."""
    ended = _ends(states)
    failed = [end for end in ended if end.get("exitCode")]
    return (failed or ended[-1:] or [{}])[0]


def _waiting_state(status: dict[str, Any]) -> dict[str, Any]:
    waiting: list[dict[str, Any]] = [state["waiting"] for state in _states(status) if state.get("waiting")]
    telling = [state for state in waiting if state.get("reason") not in (None, "PodInitializing", "ContainerCreating")]
    return (telling or waiting or [{}])[0]


def _failed_init(states: dict[str, State]) -> str:
    failed = [name for name, state in states.items() if (state.get("terminated") or {}).get("exitCode")]
    return failed[0] if failed else ""


def _log_container(meta: dict[str, Any], spec: dict[str, Any]) -> str:
    names = [str(container.get("name", "")) for container in spec.get("containers") or ()]
    chosen = (meta.get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    return chosen if chosen in names else (names or [""])[0]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _optional_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
