"""Executions with targets: one part for each target, and what they make together.

A part is a `Run` of its own that the index does not hold: it has attempts, a
pod and an end, is advanced like any other, and is counted, stored and stopped
with its whole. The decisions are in `crontask_core.targets` and `planning.parts`.
"""

from collections.abc import Callable, Iterable

from crontask_core.errors import FieldError
from crontask_core.model import FINAL_PHASES, Attempt, TargetSpec, TaskSpec
from crontask_core.model.policy import DEFAULT_OUTPUT_BYTES
from crontask_core.names import Key
from crontask_core.planning.execution import Finish
from crontask_core.planning.parts import PartEnd, joint_attempts, joint_end, joint_output
from crontask_core.targets import spec_at
from crontask_core.validation import Setting
from crontask_operator.index import Run, packed

Lookup = Callable[[Key], TargetSpec | None]
"""The CronTaskTarget of a namespace and name; None where there is none that can be used."""


class Places:
    """Makes the parts of an execution. The targets are read here, once; retries go by what was read."""

    def __init__(self, setting: Setting, targets: Lookup) -> None:
        self._setting, self._targets = setting, targets

    def parts(self, run: Run, spec: TaskSpec, targets: Iterable[str]) -> tuple[Run, ...]:
        """A part of the run for each of the targets."""
        names = list(targets)
        # One text is kept of all of them, but a target that alone has much to say should be heard.
        kept = spec.history.output_bytes
        share = max(kept // max(len(names), 1), min(kept, DEFAULT_OUTPUT_BYTES))
        spec = spec.model_copy(update={"history": spec.history.model_copy(update={"output_bytes": share})})
        return tuple(self._part(run, spec, name) for name in names)

    def _part(self, run: Run, spec: TaskSpec, name: str) -> Run:
        part = Run(
            key=run.key,
            task=run.task,
            uid=run.uid,
            spec_bytes=b"",
            trigger=run.trigger,
            scheduled_at=run.scheduled_at,
            stop=run.stop,
            target=name,
            whole=run,
        )
        target = self._targets(Key(run.key.namespace, name))
        if target is None:
            missing = f'There is no CronTaskTarget "{name}" in this namespace.'
            part.unfit = Finish("Failed", "TargetNotFound", missing)
            return part
        try:
            part.spec_bytes = packed(spec_at(spec, name, target, run.task, self._setting).to_body())
        except FieldError as error:
            part.unfit = Finish("Failed", "InvalidTarget", str(error))
        return part


def attempts_of(run: Run) -> list[Attempt]:
    """The attempts that an execution's record tells."""
    return joint_attempts([part.attempts for part in run.parts]) if run.parts else list(run.attempts)


def waits_for(run: Run) -> tuple[str, str]:
    """Reason and message of the first part that tells why it does not get on."""
    for part in run.parts:
        if part.reason and part.phase not in FINAL_PHASES:
            return part.reason, f"{part.target}: {part.message}"
    return "", ""


def have_ended(run: Run) -> bool:
    """Whether all parts have their end."""
    return all(part.phase in FINAL_PHASES for part in run.parts)


def end_of(run: Run) -> Finish:
    """The outcome of an execution whose parts have ended."""
    return joint_end([PartEnd(part.target, part.phase, part.reason, part.message) for part in run.parts])


def gather(run: Run) -> None:
    """Puts what the parts have done and said into the whole."""
    spec = run.spec()
    limit = spec.history.output_bytes if spec is not None else DEFAULT_OUTPUT_BYTES
    run.attempts = attempts_of(run)
    run.output, cut = joint_output([(part.target, part.output) for part in run.parts], limit)
    run.output_truncated = cut or any(part.output_truncated for part in run.parts)
