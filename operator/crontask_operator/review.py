"""What the validating webhook says about an object that somebody writes: a refusal, or warnings.

It says earlier what conditions and outcomes would say later, by the same checks.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from crontask_core import names
from crontask_core.advice import advice
from crontask_core.companions import COMPANION_KINDS, calendars_of, read_companion, references
from crontask_core.model import ExecutionSpec, GroupSpec
from crontask_core.names import Key, Kind
from crontask_core.overrides import overridden
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
        known = self._index.tasks.get(key)
        problem = self._companions.problem_with(references(spec), key.namespace)
        only, exclude = (self._companions.calendars(listed, key.namespace) for listed in (spec.only, spec.exclude))
        created = known.created if known else now
        advised = advice(spec, key, created, self._setting, now, only=only, exclude=exclude)
        return [problem.message, *advised] if problem is not None else advised

    def _execution(self, key: Key, body: dict[str, Any]) -> list[str]:
        spec = ExecutionSpec.model_validate(body)
        task = self._index.tasks.get(Key(key.namespace, spec.task_ref.name))
        if task is None:
            name = spec.task_ref.name
            missing = f'spec.taskRef.name: no CronTask "{name}" is known in this namespace yet'
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
        problem = self._companions.problem_with(calendars_of(value), key.namespace)
        return [problem.message] if problem is not None else []
