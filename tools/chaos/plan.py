"""Which faults come when: a pure function of a seed and a time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Literal

Who = Literal["leader", "standby", "both"]
FIRST = 3.0
"""Seconds before the first fault."""
PAUSES = (6.0, 14.0)
"""Seconds between the end of a fault and the next one."""
OVERLAP = 0.2
"""Share of the faults that begin while the one before still lasts."""
STATUSES = (429, 500, 503)


@dataclass(frozen=True)
class Fault:
    """One fault; `at` counts from the beginning of the faults."""

    at: float
    kind: str
    who: Who
    seconds: float
    """How long it lasts; for a kill or a restart, how long the replica stays away."""
    value: float = 0.0
    """The status of `refuse`, the seconds of `slow` and `clock`."""

    @property
    def end(self) -> float:
        return self.at + self.seconds

    def to_body(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True)
class Kind:
    """What a kind of fault is drawn from."""

    name: str
    who: tuple[Who, ...]
    seconds: tuple[float, float]
    values: tuple[float, ...] = (0.0,)
    rarely: float = 0.0
    """So long it lasts now and then, where the time allows it."""


KINDS = (
    Kind("kill", ("leader",), (0.5, 8.0)),
    Kind("kill", ("leader", "standby", "both"), (0.5, 15.0)),
    Kind("pause", ("leader",), (0.3, 1.5)),
    Kind("pause", ("leader",), (4.0, 15.0)),
    Kind("pause", ("standby", "both"), (1.0, 10.0)),
    Kind("restart", ("leader",), (0.0, 4.0)),
    Kind("restart", ("standby", "both"), (0.0, 8.0)),
    Kind("api-term", ("both",), (1.0, 20.0), rarely=120.0),
    Kind("api-kill", ("both",), (1.0, 20.0), rarely=90.0),
    Kind("cut", ("leader", "both"), (0.0, 0.0)),
    Kind("refuse", ("leader", "both"), (1.0, 15.0), STATUSES),
    Kind("slow", ("leader", "both"), (4.0, 15.0), (0.3, 1.0, 3.0)),
    Kind("hole", ("leader", "standby", "both"), (1.0, 15.0)),
    Kind("clock", ("leader", "both"), (4.0, 15.0), (-5.0, -1.0, 1.0, 5.0)),
)
"""What the long form draws from; each comes up before any comes up again."""
OF_API = ("api-term", "api-kill")


def plan(seed: int, seconds: float, kinds: Sequence[Kind] = KINDS) -> list[Fault]:
    """Faults for so many seconds, in their order."""
    random, at = Random(seed), FIRST
    faults: list[Fault] = []
    deck: list[Kind] = []
    while True:
        deck = deck or random.sample(kinds, len(kinds))
        fault = _draw(random, deck.pop(), at, seconds)
        if fault.end > seconds:
            return faults
        faults.append(fault)
        if fault.seconds > 1 and random.random() < OVERLAP:
            at = _rounded(fault.at + random.uniform(0, fault.seconds))
        else:
            at = _rounded(max(each.end for each in faults) + random.uniform(*PAUSES))


def kills(seconds: float, every: float) -> list[Fault]:
    """The leader is killed again and again and comes back a second later."""
    return [Fault(every * number, "kill", "leader", 1.0) for number in range(1, int(seconds // every))]


def _draw(random: Random, kind: Kind, at: float, until: float) -> Fault:
    length = random.uniform(*kind.seconds)
    if kind.rarely and random.random() < 0.3:
        length = max(length, min(kind.rarely, until / 12))
    return Fault(_rounded(at), kind.name, random.choice(kind.who), _rounded(length), random.choice(kind.values))


def _rounded(seconds: float) -> float:
    return round(seconds, 2)
