"""Tasks that run after others: creates their executions once what they wait for has ended.

The final record of an execution names its followers, so that the same write makes
the end and what is to follow from it durable. Their executions are then created
under names that are made of the cause, and at last the list is taken off the
record. Whoever finds such a list at a take-over does the same once more, which
changes nothing where it was done (law 1, for what is not on a schedule).
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from crontask_core.manifests import execution_body
from crontask_core.model import ExecutionSpec, ExecutionStatus
from crontask_core.model.execution import MAX_FOLLOWERS
from crontask_core.names import Key, caused_name
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import AlreadyExists, KubeError, NotFound, Unavailable
from crontask_kube.resources import EXECUTIONS
from crontask_operator.index import Index, Run
from crontask_operator.recorder import Recorder
from crontask_operator.statuses import Statuses
from crontask_operator.workers import Workers

AGAIN_SECONDS = 2.0
REFUSED_SECONDS = 15.0
REFUSED_TRIES = 20
"""How often, and at what distance, an execution is offered that the API server refuses (RBAC, quota, admission)."""
log = structlog.get_logger(__name__)

Accept = Callable[[Key, dict[str, Any], ExecutionSpec], None]


@dataclass(slots=True)
class Ending:
    """An execution that has ended, and whose followers are being created."""

    key: Key
    task: Key
    at: datetime
    """Its instant, which is passed on."""
    left: dict[Key, int]
    """Tasks of which no execution exists yet, and how often each was refused."""


class Dependents:
    """Carries out what `spec.after` says."""

    def __init__(
        self,
        index: Index,
        api: ApiClient,
        clock: Clock,
        *,
        crew: Workers,
        statuses: Statuses,
        recorder: Recorder,
        accept: Accept,
        leads: Callable[[], bool],
    ) -> None:
        self._index, self._api, self._clock = index, api, clock
        self._crew, self._statuses, self._recorder = crew, statuses, recorder
        self._accept, self._leads = accept, leads
        self._endings: dict[Key, Ending] = {}

    def ended(self, run: Run) -> None:
        """The execution has its outcome: decides, before that is written, who follows."""
        if not run.attempts:
            return  # what was refused before it began starts nobody
        found = [each.name for each in self._index.dependencies.followers(run.task, run.phase)]
        if len(found) > MAX_FOLLOWERS:
            log.error("too many tasks run after this one", task=str(run.task), left_out=len(found) - MAX_FOLLOWERS)
        run.followers = tuple(found[:MAX_FOLLOWERS])

    def stored(self, run: Run) -> None:
        """Its end is durable, and so is the list of its followers."""
        if run.followers:
            self._follow(Ending(run.key, run.task, run.scheduled_at, _to_do(run.key, run.followers)))

    def seen(self, key: Key, body: dict[str, Any]) -> None:
        """While somebody else leads: an execution has ended, and this is what is left to do."""
        if not body["status"].get("followers"):
            self._endings.pop(key, None)
            return
        spec, status = ExecutionSpec.model_validate(body["spec"]), ExecutionStatus.model_validate(body["status"])
        at = spec.scheduled_at or datetime.fromisoformat(body["metadata"]["creationTimestamp"])
        task = Key(key.namespace, spec.task_ref.name)
        self._endings[key] = Ending(key, task, at, _to_do(key, status.followers or ()))

    def gone(self, key: Key) -> None:
        """While somebody else leads: the record of an execution was deleted."""
        self._endings.pop(key, None)

    def take_over(self) -> None:
        """What an earlier leader had not done is done now."""
        for ending in list(self._endings.values()):
            self._follow(ending)

    def holds(self, execution: Key) -> bool:
        """Whether the record must stay, because it is all that tells of followers to come."""
        return execution in self._endings

    def _follow(self, ending: Ending) -> None:
        self._endings[ending.key] = ending
        for follower in list(ending.left):
            self._submit(ending, follower)

    def _submit(self, ending: Ending, follower: Key) -> None:
        self._crew.submit(lambda: self._create(ending, follower))

    async def _create(self, ending: Ending, follower: Key) -> None:
        task = self._index.tasks.get(follower)
        if task is not None and self._is_current(ending):
            name = caused_name(follower.name, ending.at, ending.key.name)
            body = execution_body(
                Key(follower.namespace, name),
                task=follower,
                uid=task.uid,
                trigger="After",
                scheduled_at=ending.at,
                status=ExecutionStatus(),
                parent=ending.key.name,
                kept_seconds=task.kept_seconds(),
            )
            try:
                made = await self._api.create(EXECUTIONS, follower.namespace, body)
                self._accept(Key(follower.namespace, name), made, ExecutionSpec.model_validate(made["spec"]))
            except AlreadyExists:
                log.debug("has followed already", execution=name)
            except KubeError as error:
                if self._tries_again(ending, follower, error):
                    return
                self._recorder.not_run_after(task, ending.key.name, str(error), self._clock.now())
        ending.left.pop(follower, None)
        if not ending.left:
            await self._close(ending)

    def _tries_again(self, ending: Ending, follower: Key, error: KubeError) -> bool:
        """Whether it is offered again. What refuses may change its mind; after some minutes it is given up."""
        log.warning("cannot follow yet", execution=str(ending.key), task=str(follower), error=str(error))
        wait = AGAIN_SECONDS
        if not isinstance(error, Unavailable):
            ending.left[follower] += 1
            wait = REFUSED_SECONDS
        if ending.left[follower] > REFUSED_TRIES:
            return False
        asyncio.get_running_loop().call_later(wait, self._submit, ending, follower)
        return True

    async def _close(self, ending: Ending) -> None:
        """Takes the list off the record, which from now on may be deleted."""
        if not self._is_current(ending):
            return
        try:
            await self._api.patch(EXECUTIONS, ending.key.namespace, ending.key.name, {"status": {"followers": None}})
        except NotFound:
            log.debug("the record was deleted meanwhile", execution=str(ending.key))
        except Unavailable:
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._crew.submit, lambda: self._close(ending))
            return
        except KubeError as error:
            log.warning("the record keeps its followers", execution=str(ending.key), error=str(error))
        if self._is_current(ending):
            del self._endings[ending.key]
            task = self._index.tasks.get(ending.task)
            if task is not None:
                self._statuses.touch(task)  # after which history may delete the record

    def _is_current(self, ending: Ending) -> bool:
        return self._leads() and self._endings.get(ending.key) is ending


def _to_do(key: Key, followers: Iterable[str]) -> dict[Key, int]:
    return {Key(key.namespace, name): 0 for name in followers}
