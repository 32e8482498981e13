"""An execution's attempts, each of which is an execution for Dkron; one `group` ties those of a run together."""

from collections.abc import Sequence
from hashlib import sha256

from crontask_core.model import Attempt
from crontask_core.planning.parts import split_output
from crontask_gateway import gotime
from crontask_gateway.dialects.dkron.actions import MISSING
from crontask_gateway.dialects.dkron.wire import NEVER, ExecutionOut, JobOut
from crontask_gateway.store import Run

LOST = "grpc: Error on execution streaming, agent connection was abruptly terminated"
_APART = 1_000
"""More than the targets that a job and one of its runs can name together."""
_WRONG_STATUS = "received response code does not match the expected code"
_WRONG_BODY = "received response body did not match the expected body"


def from_execution(
    run: Run, job: JobOut, node: str, taken: str = "", targets: Sequence[str] = ()
) -> list[ExecutionOut]:
    """The attempts, oldest first; one that has not begun where there is none yet, none where there never will be.

    `job` is the run's job and `targets` are its own, `node` is what the one virtual server is called, `taken` what is
    shown in place of outputs that a processor has taken. An id is that of the second in which the run was made, not of
    the attempt's start as upstream: it stays what it is while the run goes on, and no two attempts share one.
    """
    known = run.known
    began = known.attempts or known.started_at is not None
    if known.phase == "Cancelled" and not began and run.wanted.trigger != "Manual":
        return []  # skipped, of which upstream keeps no record; who has asked for a run is told what became of it
    # Kubernetes tells the second in which the run was made; what is below it is drawn from the run's name.
    group = gotime.nanos(run.created.replace(microsecond=0)) + _draw(run.key.name, gotime.SECOND)
    attempts = known.attempts or [Attempt(number=1, started_at=known.started_at, finished_at=known.finished_at)]
    outputs = _outputs(known.output or "", attempts)
    places = _places(attempts, targets)
    found = []
    for place, attempt in enumerate(attempts):
        # Counted by number and target: of very many attempts some are no longer listed, and targets begin in any order.
        nth = (attempt.number - 1) * _APART + places[attempt.target] if attempt.target else attempt.number - 1
        latest = place == len(attempts) - 1
        ended = attempt.finished_at or (known.finished_at if run.ended else None)
        start = attempt.started_at or run.created
        good = attempt.reason == "Completed" or (latest and attempt.reason is None and known.phase == "Succeeded")
        told = outputs[place] if good or ended is None else _failure(run, job, attempt, outputs[place])
        found.append(
            ExecutionOut(
                id=f"{group + nth}-{node}",
                job_name=job.name,
                started_at=gotime.nanos(start),
                finished_at=NEVER if ended is None else gotime.nanos(ended),
                success=good and ended is not None,
                output=taken if taken and _ran(attempt) else told,
                node_name=node,
                group=group,
                attempt=attempt.number,
            )
        )
    return found


def _places(attempts: Sequence[Attempt], targets: Sequence[str]) -> dict[str, int]:
    """The places of targets: in the job's order, then those that it had when the run was made."""
    others = {attempt.target for attempt in attempts if attempt.target} - set(targets)
    return {target: place for place, target in enumerate([*targets, *sorted(others)])}


def _outputs(output: str, attempts: Sequence[Attempt]) -> list[str]:
    """What each attempt has written of an output: that of the last is kept, with targets of the last at each."""
    last = {attempt.target or "": place for place, attempt in enumerate(attempts)}
    said = split_output(output, last.keys() - {""}) or {"": output}
    return [
        said.get(attempt.target or "", "") if last[attempt.target or ""] == place else ""
        for place, attempt in enumerate(attempts)
    ]


def _ran(attempt: Attempt) -> bool:
    """Whether a pod of it has run to its end, so that somebody has taken what it wrote."""
    return attempt.exit_code is not None or attempt.reason == "Completed"


def _draw(text: str, below: int) -> int:
    """A number from 0 up to `below`, the same for a text each time."""
    return int.from_bytes(sha256(text.encode()).digest()[:8]) % below


def _failure(run: Run, job: JobOut, attempt: Attempt, output: str) -> str:
    """The error's line, then the output, as upstream has it."""
    if attempt.reason == "NonZeroExit" and job.executor not in ("shell", "docker"):
        # Our own pod, which tells why nothing could be run.
        return output or ("the call cannot be made" if job.executor == "http" else MISSING)
    line = _line(run, job, attempt)
    return f"{line}\n{output}" if output else line


def _line(run: Run, job: JobOut, attempt: Attempt) -> str:
    reason, message = attempt.reason or run.known.reason or "", attempt.message or run.known.message or ""
    config = job.executor_config or {}
    command = config.get("command", "")
    match reason:
        case "NonZeroExit":
            return f"exit status {attempt.exit_code}"
        case "Timeout" if job.executor == "shell" and config.get("timeout"):
            limit = config["timeout"]
            return f"shell: Job '{command}' execution time exceeding defined timeout {limit}. Job was killed"
        case "OOMKilled" if config.get("mem_limit"):
            limit = config["mem_limit"]
            return f"shell: Job '{command}' memory usage exceeding defined limit ({limit}). Job was killed"
        case "BadStatus":
            return _WRONG_STATUS
        case "BodyMismatch":
            return _WRONG_BODY
    if run.known.phase == "Lost":
        return f"{LOST}: {message}"
    return message or reason or "the attempt has failed"
