"""Attempts as pods: create, follow, end, collect the log.

The pod's name is made of execution and attempt, so a second create is harmless:
"exists and mine" is success. Pods are owned by the task, so that they go with it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import structlog

from crontask_core import names
from crontask_core.manifests import pod_body
from crontask_core.model import TaskSpec
from crontask_core.model.policy import DEFAULT_OUTPUT_BYTES
from crontask_core.names import Key
from crontask_core.planning.execution import EndAttempt
from crontask_core.pods import PodEnd, PodFacts, pod_facts
from crontask_core.substitution import values
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import AlreadyExists, Forbidden, KubeError, NotFound, Unavailable
from crontask_kube.resources import PODS
from crontask_operator.index import Run
from crontask_operator.ports import AttemptEnd, Reports
from crontask_operator.workers import Workers

LOG_LINES = 2_000
LOG_SECONDS = 10.0
HASTY_SECONDS = 2.0
"""How long the deletion of a pod that is to end may wait for what it has said so far."""
SEND_TRIES = 3
LOOK_SECONDS = 900.0
"""For so long it is asked whether a pod was made, where the right to send has run out meanwhile."""
RIGHT_SECONDS = 0.25
RIGHT_TRIES = 40
"""Every 10 s, or at once when the right to send is back: then the API server is, too."""
log = structlog.get_logger(__name__)


class PodExecutor:
    """Creates and ends pods through the API server (see `ports.Executor`)."""

    def __init__(
        self,
        api: ApiClient,
        clock: Clock,
        *,
        starters: Workers,
        others: Workers,
        reports: Reports,
        may_send: Callable[[], bool],
        default_zone: str,
    ) -> None:
        self._api, self._clock = api, clock
        self._starters, self._others = starters, others
        self._reports, self._may_send = reports, may_send
        self._default_zone = default_zone

    def prepare(self, run: Run, spec: TaskSpec, number: int) -> bytes:
        """The pod of the attempt as JSON."""
        known = values(
            namespace=run.key.namespace,
            task=run.task.name,
            execution=run.key.name,
            attempt=number,
            trigger=run.trigger,
            scheduled_at=run.scheduled_at,
            zone=spec.time_zone or self._default_zone,
            target=run.target,
        )
        body = pod_body(
            run.key,
            task=run.task,
            uid=run.uid,
            spec=spec,
            trigger=run.trigger,
            scheduled_at=run.scheduled_at,
            attempt=number,
            values=known,
            target=run.target,
        )
        return orjson.dumps(body)

    def start(self, run: Run, spec: TaskSpec, prepared: bytes) -> None:
        """Queues the creation of the pod."""
        self._starters.submit(lambda: self._create(run, prepared))

    def end(self, run: Run, why: EndAttempt) -> None:
        """Keeps what the pod has said so far, then deletes it; its end is seen through its events."""
        name = self._name(run)
        if name is not None:
            self._others.submit(lambda: self._delete(run, name))

    def collect(self, run: Run, spec: TaskSpec | None, end: PodEnd) -> None:
        """Queues the reading of the log of a pod that has ended."""
        limit = spec.history.output_bytes if spec is not None else DEFAULT_OUTPUT_BYTES
        pod = run.pod
        self._others.submit(lambda: self._collect(run, pod, end, limit))

    def recall(self, run: Run, spec: TaskSpec | None, pod: PodFacts) -> None:
        """Queues the reading of the log of a pod whose end is recorded already."""
        limit = spec.history.output_bytes if spec is not None else DEFAULT_OUTPUT_BYTES
        self._others.submit(lambda: self._recall(run, pod, limit))

    def _name(self, run: Run) -> str | None:
        return run.attempt.pod if run.attempt else None

    async def _create(self, run: Run, prepared: bytes) -> None:
        if not (self._may_send() and self._reports.goes_on(run)):
            self._reports.unsent(run)
            return
        if run.stop is not None:
            self._reports.ended(run, AttemptEnd(False, run.stop, "Stopped before its pod was created."))
            return
        try:
            pod = await self._created(run, prepared)
        except KubeError as error:
            self._reports.ended(run, _refusal(error))
            return
        if pod is None:
            self._reports.unsent(run)
            return
        self._reports.started(run, self._clock.now(), pod_facts(pod))

    async def _created(self, run: Run, prepared: bytes) -> dict[str, Any] | None:
        """The pod, made now or before; None: it was not made, and may not be any more. Raises KubeError."""
        for tries_left in range(SEND_TRIES - 1, -1, -1):
            try:
                return await self._api.create(PODS, run.key.namespace, prepared)
            except AlreadyExists:
                pod = await self._api.get(PODS, run.key.namespace, self._name(run) or "")
                if _is_of(pod, run):
                    return pod
                raise
            except Unavailable as error:
                # Asking again is safe: the name is a lock. The client has backed off meanwhile.
                log.warning("the pod has to wait", execution=str(run.key), error=str(error))
                if not (self._may_send() and self._reports.goes_on(run)):
                    return await self._made(run)
                if not tries_left:
                    raise
        raise AssertionError("the loop returns or raises")

    async def _made(self, run: Run) -> dict[str, Any] | None:
        """The pod, if one of the tries had its effect: only what was certainly not sent may be planned again."""
        until = self._clock.monotonic() + LOOK_SECONDS
        while self._reports.goes_on(run):
            for _ in range(RIGHT_TRIES):
                if self._may_send():
                    break
                await asyncio.sleep(RIGHT_SECONDS)
            try:
                pod = await self._api.get(PODS, run.key.namespace, self._name(run) or "")
            except NotFound:
                return None
            except Unavailable:
                if self._clock.monotonic() >= until:
                    raise
            else:
                return pod if _is_of(pod, run) else None
        return None  # the shard was lost: whoever holds it since has planned the instant

    async def _delete(self, run: Run, name: str) -> None:
        if run.pod is not None:
            run.output, run.output_truncated = await self._log(
                run.key, run.pod, DEFAULT_OUTPUT_BYTES, within=HASTY_SECONDS
            )
        try:
            await self._api.delete(PODS, run.key.namespace, name)
        except KubeError as error:
            log.warning("the pod cannot be deleted yet", execution=str(run.key), error=str(error))

    async def _collect(self, run: Run, pod: PodFacts | None, end: PodEnd, limit: int) -> None:
        output, truncated = run.output, run.output_truncated
        if pod is not None and not pod.gone:
            output, truncated = await self._log(run.key, pod, limit)
        exit_code = pod.exit_code if pod is not None else None
        if end.succeeded and exit_code is None:
            exit_code = 0
        self._reports.ended(
            run,
            AttemptEnd(
                end.succeeded,
                end.reason,
                end.message,
                exit_code=exit_code,
                output=output,
                output_truncated=truncated,
            ),
        )
        if pod is not None and not pod.gone and not end.succeeded and pod.phase not in ("Succeeded", "Failed"):
            await self._force(run.key.namespace, pod)

    async def _recall(self, run: Run, pod: PodFacts, limit: int) -> None:
        run.output, run.output_truncated = await self._log(run.key, pod, limit)
        self._reports.recalled(run)

    async def _force(self, namespace: str, pod: PodFacts) -> None:
        """Removes a pod that will not end by itself; without grace where its node does not answer."""
        grace = 0 if pod.delete_by is not None else None
        try:
            await self._api.delete(PODS, namespace, pod.name, grace_seconds=grace, uid=pod.uid)
        except KubeError as error:
            log.warning("the pod cannot be deleted", pod=f"{namespace}/{pod.name}", error=str(error))

    async def _log(self, execution: Key, pod: PodFacts, limit: int, within: float = LOG_SECONDS) -> tuple[str, bool]:
        if limit == 0 or pod.node is None or pod.waiting:
            return "", False
        try:
            return await self._api.log_tail(
                execution.namespace, pod.name, pod.container, limit_bytes=limit, lines=LOG_LINES, within=within
            )
        except KubeError as error:
            # A node that does not answer must not keep an outcome from being recorded.
            log.warning("the log cannot be read", execution=str(execution), error=str(error))
            return "", False


def _is_of(pod: dict[str, Any], run: Run) -> bool:
    """Whether a pod that bears the attempt's name is the attempt's."""
    meta = pod["metadata"]
    owners = meta.get("ownerReferences") or ()
    annotations = meta.get("annotations") or {}
    whose = (annotations.get(names.ANNOTATION_EXECUTION), annotations.get(names.ANNOTATION_TARGET, ""))
    uids = {owner.get("uid") for owner in owners} | {annotations.get(names.ANNOTATION_TASK_UID)}
    return whose == (run.key.name, run.target) and run.uid in uids


def _refusal(error: KubeError) -> AttemptEnd:
    """Why the API server did not take the pod."""
    if isinstance(error, AlreadyExists):
        return AttemptEnd(False, "NameTaken", "A pod of that name exists and belongs to somebody else; delete it.")
    if isinstance(error, Forbidden):
        return AttemptEnd(False, "Forbidden", str(error))
    if isinstance(error, NotFound):
        return AttemptEnd(False, "NamespaceGone", str(error))
    if isinstance(error, Unavailable):
        return AttemptEnd(False, "ApiUnavailable", str(error))
    return AttemptEnd(False, "InvalidPod", str(error))


def of_pod(body: dict[str, Any]) -> tuple[Key, Key] | None:
    """The execution and the task that a pod of ours belongs to; None for a pod without our annotations."""
    meta = body["metadata"]
    assert isinstance(meta, dict)
    annotations = meta.get("annotations") or {}
    execution, task = annotations.get(names.ANNOTATION_EXECUTION), annotations.get(names.ANNOTATION_TASK)
    if not execution or not task:
        return None
    return Key(meta["namespace"], execution), Key(meta["namespace"], task)


def target_of_pod(body: dict[str, Any]) -> str:
    """The target that a pod of ours runs at; "" for one that was made without."""
    return str((body["metadata"].get("annotations") or {}).get(names.ANNOTATION_TARGET, ""))
