"""Where a job runs by its tags: at targets that the configuration gives to some of them. Pure.

Upstream runs a job at each node that has all of its tags, or at so many of them,
drawn at random, as the lowest count after a colon says; at every node where it has
no tags. A cluster has no agents, so tags mean something where `options.targets`
says what; a job without such a tag runs once.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from crontask_gateway.dialects.dkron.members import Config, text_of

NO_NODE = "no-node-has-these-tags"
"""The target of a job whose tags no target fulfils. None has this name, so the task is not Ready and says why."""
Targets = Mapping[str, Sequence[str]]


def places(name: str, tags: Config | None, targets: Targets) -> list[str]:
    """The targets of a job with this name and these tags; empty where no tag has a meaning, and it runs once."""
    told = [_split(key, text_of(value)) for key, value in (tags or {}).items()]
    found = [targets[tag] for tag, _ in told if tag in targets]
    if not found:
        return []
    common = [each for each in dict.fromkeys(found[0]) if all(each in others for others in found)]
    counts = [count for _, count in told if count is not None]
    return _drawn(name, common, min(counts, default=len(common))) or [NO_NODE]


def _split(key: str, value: str) -> tuple[str, int | None]:
    """`key=value` and the count of a tag, None where it has none: upstream reads one after a single colon alone."""
    parts = value.split(":")
    if len(parts) != 2:
        return f"{key}={parts[0]}", None
    return f"{key}={parts[0]}", int(parts[1]) if parts[1].isascii() and parts[1].isdigit() else 0


def _drawn(name: str, common: list[str], count: int) -> list[str]:
    """So many of the targets, in their order: the same for a job each time, others for another job."""
    drawn = sorted(common, key=lambda each: blake2b(f"{name}\n{each}".encode(), digest_size=8).digest())[:count]
    return [each for each in common if each in drawn]
