"""What the validating webhook says about an object that somebody writes: a refusal, or warnings.

It says earlier what conditions would say later, by the same checks.
"""

from collections.abc import Callable
from typing import Any

from crontask_core import names
from crontask_core.names import Key
from crontask_core.validation import Setting, check_task, read_schedule, read_spec
from crontask_kube.clock import Clock
from crontask_operator.index import Index


class Reviewer:
    """Judges objects beside what the index knows."""

    def __init__(self, index: Index, setting: Setting, clock: Clock) -> None:
        self._index, self._setting, self._clock = index, setting, clock
        self._judges: dict[str, Callable[[Key, dict[str, Any]], list[str]]] = {names.TASK.plural: self._task}

    def review(self, plural: str, body: dict[str, Any]) -> list[str]:
        """Warnings about the object; raises `FieldError` where it cannot be used."""
        judge = self._judges.get(plural)
        meta = body["metadata"]
        return judge(Key(meta["namespace"], meta.get("name") or ""), body.get("spec") or {}) if judge else []

    def _task(self, key: Key, body: dict[str, Any]) -> list[str]:
        spec = read_spec(body)
        check_task(spec, key, self._setting)
        read_schedule(spec, key, self._clock.now(), self._setting)
        return []
