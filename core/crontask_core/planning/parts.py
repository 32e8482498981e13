"""An execution with targets as a whole: its outcome, attempts and output, made of those of its parts.

Each target is one part with attempts, retries and an end of its own
(`plan_execution`); the whole has ended when all of them have.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from crontask_core.model import Attempt, Phase
from crontask_core.model.execution import MAX_ATTEMPTS_KEPT
from crontask_core.planning.execution import Finish

MAX_NAMED = 10
"""Failed targets that a message names."""


@dataclass(frozen=True, slots=True)
class PartEnd:
    """How the part at one target has ended."""

    target: str
    phase: Phase
    reason: str
    message: str


def joint_end(parts: Sequence[PartEnd]) -> Finish:
    """The outcome of the whole: cancelled where a part was, else failed where one has, else succeeded."""
    cancelled = next((part for part in parts if part.phase == "Cancelled"), None)
    if cancelled is not None:
        return Finish("Cancelled", cancelled.reason, cancelled.message)
    failed = [part for part in parts if part.phase == "Failed"]
    if not failed:
        return Finish("Succeeded", "Completed", "")
    named = ", ".join(f"{part.target} ({part.reason})" for part in failed[:MAX_NAMED])
    more = f" and {len(failed) - MAX_NAMED} more" if len(failed) > MAX_NAMED else ""
    return Finish("Failed", failed[0].reason, f"{len(failed)} of {len(parts)} targets failed: {named}{more}.")


def joint_attempts(parts: Sequence[Sequence[Attempt]]) -> list[Attempt]:
    """The attempts of all parts by number, bounded; the latest of each part is among them."""
    told = [(attempt.number, n, attempt) for n, attempts in enumerate(parts) for attempt in attempts]
    told.sort(key=lambda each: each[:2])
    latest = {n: attempts[-1].number for n, attempts in enumerate(parts) if attempts}
    surplus = len(told) - MAX_ATTEMPTS_KEPT
    kept = []
    for number, n, attempt in told:
        if surplus > 0 and number != latest[n]:
            surplus -= 1
        else:
            kept.append(attempt)
    return kept


def joint_output(outputs: Iterable[tuple[str, str]], limit: int) -> tuple[str, bool]:
    """The ends of the outputs, each (target, text) under a line that names its target, in at most `limit` bytes.

    The second value tells whether something is left out. Short ones leave their room to longer ones.
    """
    said = [(f"==> {target} <==\n", text.encode()) for target, text in outputs if text]
    room = limit - sum(len(head) + 1 for head, _ in said)
    kept: dict[str, bytes] = {}
    for left, (head, text) in enumerate(sorted(said, key=lambda each: len(each[1]))):
        share = max(room // (len(said) - left), 0)
        kept[head] = text[len(text) - min(share, len(text)) :]
        room -= len(kept[head])
    joint = "\n".join(head + kept[head].decode(errors="ignore").removesuffix("\n") for head, _ in said).encode()
    cut = len(joint) > limit or any(len(kept[head]) < len(text) for head, text in said)
    return joint[:limit].decode(errors="ignore"), cut


def split_output(output: str, targets: Collection[str]) -> dict[str, str]:
    """What each of the targets has said in a joint output; those that said nothing are left out."""
    said: dict[str, list[str]] = {}
    at = ""
    for line in output.split("\n"):
        named = line[len("==> ") : -len(" <==")] if line.startswith("==> ") and line.endswith(" <==") else ""
        if named in targets and named not in said:
            at, said[named] = named, []
        elif at:
            said[at].append(line)
    return {target: "\n".join(lines) for target, lines in said.items()}
