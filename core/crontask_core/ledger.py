"""The outcomes of a task's instants, equal ones folded into ranges: a bounded value.

An entry covers a time, from its first to its last instant: every instant of the
schedule in it had that outcome. What is recorded last holds, so that a later
outcome (Late after Queued, Lost after Started) splits the range in which it lies.
Instants are whole seconds. Ledgers are values: every change makes another one.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from crontask_core.model.execution import Phase, Trigger
from crontask_core.model.ledger import MAX_ENTRIES, LedgerEntry, Outcome
from crontask_core.schedule import Schedule, instants

COUNTED = 100
"""So many instants are counted one by one at most."""
ON_TIME = timedelta(seconds=15)
"""Longer than a restart with 10,000 tasks takes, shorter than a minute: no instant of `* * * * *` is started late."""
SECOND = timedelta(seconds=1)


class Entry(NamedTuple):
    """One outcome of every instant from `first` to `last`; an eighth of the size of the model in the status."""

    first: datetime
    last: datetime
    outcome: Outcome
    reason: str | None = None
    size: int = 1
    """How many instants it holds; at least so many where nobody counted through, or where it was split."""
    lateness: int | None = None
    """The greatest lateness in milliseconds, where something of it began."""

    def covers(self, at: datetime) -> bool:
        """Whether the instant lies in the entry."""
        return self.first <= at <= self.last

    def contains(self, other: "Entry") -> bool:
        """Whether the other says nothing else of the same time."""
        same = self.outcome == other.outcome and self.reason == other.reason
        return same and self.first <= other.first and other.last <= self.last


def at_once(at: datetime, outcome: Outcome, reason: str | None = None, lateness: int | None = None) -> Entry:
    """The entry of a single instant."""
    return Entry(at, at, outcome, reason, 1, lateness)


class Era(NamedTuple):
    """The schedule that holds, and since when; what lies before is folded with nothing after it."""

    schedule: Schedule | None = None
    """With it, ranges begin and end at instants when they are cut; without it, at any second."""
    since: datetime | None = None
    unbroken: bool = False
    """Whether a new entry follows the last one without an instant between them that has no outcome yet."""

    def is_before(self, entry: Entry) -> bool:
        """Whether the entry is of an earlier schedule, which nobody knows any more."""
        return self.since is not None and entry.first <= self.since

    def part(self, entry: Entry, first: datetime, last: datetime) -> Entry | None:
        """What of an entry is left between two moments; None where no instant is."""
        if (first, last) == (entry.first, entry.last):
            return entry
        if first > last:
            return None
        # There is one instant a second at most, so that each second that is cut off takes at most one along.
        cut = (entry.last - entry.first - (last - first)) // SECOND
        size = max(0, entry.size - cut)
        if self.schedule is not None and self.is_before(entry):
            # Where its instants were is not known any more: they are taken for evenly spread.
            size = max(size, entry.size * ((last - first) // SECOND + 1) // ((entry.last - entry.first) // SECOND + 1))
            if not size:
                return None
        elif self.schedule is not None:
            found, more = instants(self.schedule, first - SECOND, last, COUNTED)
            if not found:
                return None
            first, last = found[0], (self.schedule.latest(found[-1], last) or last) if more else found[-1]
            size = max(size, min(entry.size, len(found)))
        return Entry(first, last, entry.outcome, entry.reason, max(1, size), entry.lateness)

    def joined(self, entries: tuple[Entry, ...], new: Entry) -> tuple[Entry, ...]:
        """The entries with another one at their end, folded where it equals the last."""
        last = entries[-1] if entries else None
        if last is None or last.outcome != new.outcome or last.reason != new.reason:
            return (*entries, new)
        if self.since is not None and last.last <= self.since < new.first:
            return (*entries, new)
        if not self.unbroken and self._undecided_between(last, new):
            return (*entries, new)
        lateness = _greater(last.lateness, new.lateness)
        folded = Entry(last.first, new.last, new.outcome, new.reason, last.size + new.size, lateness)
        return (*entries[:-1], folded)

    def _undecided_between(self, one: Entry, other: Entry) -> bool:
        """Whether an instant lies between two neighbours: it has no outcome, and a range over it would give it one."""
        if self.schedule is None or other.first - one.last <= SECOND:
            return False
        following = self.schedule.next(one.last)
        return following is not None and following < other.first


NO_ERA = Era()


class Ledger(NamedTuple):
    """Entries in their order, which never overlap; at most `MAX_ENTRIES`, the oldest go."""

    entries: tuple[Entry, ...] = ()
    since: datetime | None = None
    """Instants up to this one are forgotten; None where nothing is."""

    def at(self, at: datetime) -> Entry | None:
        """The entry in which the instant lies."""
        for entry in reversed(self.entries):
            if entry.first <= at:
                return entry if at <= entry.last else None
        return None

    def decided(self, at: datetime) -> bool:
        """Whether the instant has an outcome that no execution waits to replace, or had one that is forgotten."""
        if self.since is not None and at <= self.since:
            return True
        entry = self.at(at)
        return entry is not None and entry.outcome != "Queued"

    def record(self, new: Entry, era: Era = NO_ERA) -> "Ledger":
        """The ledger with this outcome, in place of what it had for that time."""
        entries = self.entries
        if self.since is not None and new.last <= self.since:
            return self
        if not entries or entries[-1].last < new.first:
            return self._bounded(era.joined(entries, new))
        place, after = 0, len(entries)
        while place < after and entries[place].last < new.first:
            place += 1
        while after > place and entries[after - 1].first > new.last:
            after -= 1
        touched = entries[place:after]
        if len(touched) == 1 and touched[0].contains(new):
            return self._with_lateness(place, new.lateness)
        made, era = entries[:place], era._replace(unbroken=False)
        for entry in (*_left(touched, new, era), new, *_right(touched, new, era), *entries[after:]):
            made = era.joined(made, entry)
        return self._bounded(made)

    def fill(self, new: Entry, era: Era = NO_ERA) -> "Ledger":
        """The ledger with this outcome wherever it had none yet."""
        ledger, first = self, new.first
        for entry in self.entries:
            if entry.last >= first and entry.first <= new.last:
                ledger = ledger._record_part(new, first, entry.first - SECOND, era)
                first = entry.last + SECOND
        return ledger._record_part(new, first, new.last, era)

    def _record_part(self, new: Entry, first: datetime, last: datetime, era: Era) -> "Ledger":
        part = era.part(new, first, last)
        return self if part is None else self.record(part, era)

    def began(self, at: datetime, outcome: Outcome, reason: str | None, lateness: int, era: Era = NO_ERA) -> "Ledger":
        """The ledger after what was started for the instant has begun, so many milliseconds late."""
        return self.record(Entry(at, at, outcome, reason, 1, lateness), era)

    def without(self, instants: Iterable[datetime], era: Era = NO_ERA) -> "Ledger":
        """The ledger with nothing about these instants."""
        entries = list(self.entries)
        for at in instants:
            for place, entry in enumerate(entries):
                if entry.covers(at):
                    cut = (era.part(entry, entry.first, at - SECOND), era.part(entry, at + SECOND, entry.last))
                    entries[place : place + 1] = [part for part in cut if part is not None]
                    break
        return self._bounded(tuple(entries))

    def reopened(self, after: datetime, era: Era = NO_ERA) -> "Ledger":
        """The ledger after a clock that was ahead: what it left out after this moment is open again.

        What was started there stays decided.
        """
        made: list[Entry] = []
        for entry in self.entries:
            if entry.outcome not in ("Missed", "Skipped") or entry.last <= after:
                made.append(entry)
            elif (part := era.part(entry, entry.first, after.replace(microsecond=0))) is not None:
                made.append(part)
        return Ledger(tuple(made), self.since and min(self.since, after))

    def _with_lateness(self, place: int, lateness: int | None) -> "Ledger":
        entry = self.entries[place]
        greatest = _greater(entry.lateness, lateness)
        if greatest == entry.lateness:
            return self
        made = entry._replace(lateness=greatest)
        return Ledger((*self.entries[:place], made, *self.entries[place + 1 :]), self.since)

    def _bounded(self, entries: tuple[Entry, ...]) -> "Ledger":
        if len(entries) <= MAX_ENTRIES:
            return Ledger(entries, self.since)
        return Ledger(entries[-MAX_ENTRIES:], entries[-MAX_ENTRIES - 1].last)


def _left(touched: tuple[Entry, ...], new: Entry, era: Era) -> list[Entry]:
    """What is left of the entries that a new one touches, before it."""
    part = era.part(touched[0], touched[0].first, new.first - SECOND) if touched else None
    return [] if part is None else [part]


def _right(touched: tuple[Entry, ...], new: Entry, era: Era) -> list[Entry]:
    """The same, after it."""
    part = era.part(touched[-1], new.last + SECOND, touched[-1].last) if touched else None
    return [] if part is None else [part]


EMPTY = Ledger()


def outcome_of(phase: Phase, trigger: Trigger, reason: str | None, lateness: int | None) -> tuple[Outcome, str | None]:
    """What an execution in this state makes of its instant. `lateness` (milliseconds) is None before it began."""
    if phase == "Lost":
        return "Lost", None
    if phase == "Queued":
        return "Queued", reason
    if phase == "Cancelled" and lateness is None:
        return ("Missed", "Deadline") if reason == "Deadline" else ("Cancelled", reason)
    if trigger == "CatchUp":
        return "Late", "CatchUp"
    if lateness is not None and timedelta(milliseconds=lateness) >= ON_TIME:
        return "Late", None
    return "Started", None


def late_after(waited: str | None) -> str | None:
    """The reason of a late start that had waited for the reason `waited`."""
    return "Queued" if waited == "Overlap" else waited


def read_ledger(entries: Iterable[LedgerEntry], since: datetime | None) -> Ledger:
    """The ledger that a status holds; what is out of order, by another hand than ours, is left out."""
    made: list[Entry] = []
    for each in entries:
        if each.last >= each.first and (not made or made[-1].last < each.first):
            made.append(Entry(each.first, each.last, each.outcome, each.reason, each.count, each.lateness_milliseconds))
    return Ledger(tuple(made[-MAX_ENTRIES:]), since) if made or since else EMPTY


def ledger_entries(ledger: Ledger) -> list[LedgerEntry]:
    """The ledger as a status holds it."""
    return [
        LedgerEntry(
            first=entry.first,
            last=entry.last,
            outcome=entry.outcome,
            reason=entry.reason,
            count=entry.size,
            lateness_milliseconds=entry.lateness,
        )
        for entry in ledger.entries
    ]


def _greater(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)
