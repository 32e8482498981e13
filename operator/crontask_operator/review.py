"""What the validating webhook says about an object that somebody writes: a refusal, or warnings.

It says earlier what conditions and outcomes would say later, by the same checks.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from crontask_core import names
from crontask_core.advice import advice
from crontask_core.companions import COMPANION_KINDS, Reference, calendars_of, read_companion, references, unknown
from crontask_core.model import ExecutionSpec, GroupSpec, TaskSpec
from crontask_core.names import Key, Kind
from crontask_core.overrides import overridden
from crontask_core.planning.dependencies import circle_error
from crontask_core.validation import Setting, check_task, read_spec
from crontask_kube.clock import Clock
from crontask_operator.companions import Companions
from crontask_operator.index import Index


class Reviewer:
    """Judges objects beside what the index knows."""

    def __init__(self, index: Index, companions: Companions, setting: Setting, clock: Clock) -> None:
        self._index, self._companions, self._setting, self._clock = index, companions, setting, clock
        self._judges: dict[str, Callable[[Key, dict[str, Any]], list[str]]] = {
            names.TASK.plural: self._task,
            names.EXECUTION.plural: self._execution,
            **{kind.plural: partial(self._companion, kind) for kind in COMPANION_KINDS},
        }

    def review(self, plural: str, body: dict[str, Any]) -> list[str]:
        """Warnings about the object; raises `FieldError` where it cannot be used."""
        judge, meta = self._judges.get(plural), body["metadata"]
        key = Key(meta["namespace"], meta.get("name") or meta.get("generateName") or "")
        return judge(key, body.get("spec") or {}) if judge else []

    def _task(self, key: Key, body: dict[str, Any]) -> list[str]:
        spec, now = read_spec(body), self._clock.now()
        check_task(spec, key, self._setting)
        if circle := self._index.dependencies.circle_with(key, spec.after or ()):
            raise circle_error(circle)
        known = self._index.tasks.get(key)
        missing = [*self._problems(references(spec), key), *self._missing_parents(spec, key)]
        only, exclude = (self._companions.calendars(listed, key.namespace) for listed in (spec.only, spec.exclude))
        created = known.created if known else now
        return [*missing, *advice(spec, key, created, self._setting, now, only=only, exclude=exclude)]

    def _problems(self, names: tuple[Reference, ...], key: Key) -> list[str]:
        return [problem.message for problem in self._companions.problems_with(names, key.namespace)]

    def _missing_parents(self, spec: TaskSpec, key: Key) -> list[str]:
        """The tasks of `after` that nobody knows, as sentences."""
        if not self._index.complete:
            return []
        return [
            f"{unknown(names.TASK, each.task, f'spec.after[{n}].task')}; create it, or correct spec.after."
            for n, each in enumerate(spec.after or ())
            if Key(key.namespace, each.task) not in self._index.tasks
        ]

    def _execution(self, key: Key, body: dict[str, Any]) -> list[str]:
        spec = ExecutionSpec.model_validate(body)
        task = self._index.tasks.get(Key(key.namespace, spec.task_ref.name))
        if task is None:
            missing = unknown(names.TASK, spec.task_ref.name, "spec.taskRef.name")
            return [f"{missing}; without it the execution fails."]
        if task.problem:
            return [f"The task cannot be run, and the execution will fail: {task.problem}"]
        if spec.overrides is not None:
            overridden(task.spec(), spec.overrides)
        return []

    def _companion(self, kind: Kind, key: Key, body: dict[str, Any]) -> list[str]:
        value = read_companion(kind, key.name, body, self._setting.default_zone)
        if not isinstance(value, GroupSpec):
            return []
        return self._problems(calendars_of(value), key)
