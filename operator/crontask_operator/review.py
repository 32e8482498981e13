"""What the validating webhook says about an object that somebody writes: a refusal, or warnings.

It says earlier what conditions and outcomes would say later, by the same checks.
"""

from collections.abc import Callable
from typing import Any

from crontask_core import names
from crontask_core.advice import advice
from crontask_core.calendars import read_calendar
from crontask_core.model import CalendarSpec, ExecutionSpec, TargetSpec
from crontask_core.names import Key
from crontask_core.overrides import overridden
from crontask_core.targets import check_target
from crontask_core.validation import Setting, check_task, read_spec
from crontask_kube.clock import Clock
from crontask_operator.index import Index


class Reviewer:
    """Judges objects beside what the index knows."""

    def __init__(self, index: Index, setting: Setting, clock: Clock) -> None:
        self._index, self._setting, self._clock = index, setting, clock
        self._judges: dict[str, Callable[[Key, dict[str, Any]], list[str]]] = {
            names.TASK.plural: self._task,
            names.EXECUTION.plural: self._execution,
            names.CALENDAR.plural: self._calendar,
            names.TARGET.plural: self._target,
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
        return advice(spec, key, known.created if known else now, self._setting, now)

    def _execution(self, key: Key, body: dict[str, Any]) -> list[str]:
        spec = ExecutionSpec.model_validate(body)
        task = self._index.tasks.get(Key(key.namespace, spec.task_ref.name))
        if task is None:
            return [f'spec.taskRef.name: there is no CronTask "{spec.task_ref.name}" in this namespace, it will fail.']
        if task.problem:
            return [f"The task cannot be run, and the execution will fail: {task.problem}"]
        if spec.overrides is not None:
            overridden(task.spec(), spec.overrides)
        return []

    def _calendar(self, key: Key, body: dict[str, Any]) -> list[str]:
        read_calendar(key.name, CalendarSpec.model_validate(body), self._setting.default_zone)
        return []

    def _target(self, key: Key, body: dict[str, Any]) -> list[str]:
        check_target(TargetSpec.model_validate(body))
        return []
