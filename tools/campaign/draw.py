"""Random tasks: each form of schedule, clock-change rules, spread and window, with what they should mean."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from campaign import dates, fields
from campaign.walk import Times

GAPS = (None, "Skip", "Shift")
OVERLAPS = (None, "First", "Second", "Both")
_ALL = {"minutes": frozenset(range(60)), "hours": frozenset(range(24))}
_ALWAYS = frozenset({0})


@dataclass(frozen=True)
class Part:
    """One part of a task: its form, what the engine is given, and what it means: wall-clock times, or real ones."""

    form: str
    given: Any
    times: Times | None = None
    interval: int = 0
    at: datetime | None = None


@dataclass(frozen=True)
class Drawn:
    """A task. `hint` is the moment around which it was drawn (naive UTC)."""

    parts: tuple[Part, ...]
    gap: str | None
    overlap: str | None
    grammar: str = "standard"
    anchor: datetime = datetime(1970, 1, 1)  # noqa: DTZ001
    splay: int = 0
    window: dict[str, datetime] = field(default_factory=dict)
    plain: bool = False
    """Whether Debian's cron reads the one text that it has just as we do."""

    def with_rules(self, random: Random) -> "Drawn":
        """The same with other rules for clock changes; a named grammar needs one of the two, to be stepped by us."""
        gap, overlap = random.choice(GAPS), random.choice(OVERLAPS)
        if self.grammar != "standard" and gap is None and overlap is None:
            gap = "Skip"
        return replace(self, gap=gap, overlap=overlap)


def draw(random: Random, wall: datetime, moment: datetime) -> Drawn:
    """A task around a moment (naive UTC) at which the clock shows `wall`."""
    gap, overlap = random.choice(GAPS), random.choice(OVERLAPS)
    anchor = moment - timedelta(seconds=random.randrange(10**7))
    choice = random.random()
    if choice < 0.1:
        return Drawn((_plain(random, wall),), None, None, anchor=anchor, plain=True)
    if choice < 0.6:
        parts: tuple[Part, ...] = (_cron(random, wall),)
    elif choice < 0.72:
        parts = (_sets(random, wall),)
    elif choice < 0.8:
        named = Drawn((_named(random, wall),), None, None, "robfig-v1", anchor, **_around(random, moment))
        return named.with_rules(random)
    elif choice < 0.85:
        parts = (_word(random),)
    elif choice < 0.9:
        parts = (_real(random, moment),)
    else:
        makers = [_cron(random, wall), _cron(random, wall), _sets(random, wall), _real(random, moment), _word(random)]
        parts = tuple(random.sample(makers, random.choice((2, 2, 3, 4))))
    return Drawn(parts, gap, overlap, anchor=anchor, **_around(random, moment))


def _around(random: Random, moment: datetime) -> dict[str, Any]:
    """A spread in every fourth task, a window in every fourth."""
    made: dict[str, Any] = {}
    if random.random() < 0.25:
        made["splay"] = random.choice((1, 59, 600, 3600, 7200))
    if random.random() < 0.25:
        names = [name for name in ("start", "first", "end") if random.random() < 0.5]
        at = sorted(moment + timedelta(seconds=random.randrange(-30_000, 30_000)) for _ in names)
        made["window"] = dict(zip(names, at, strict=True))
    return made


def _cron(random: Random, wall: datetime) -> Part:
    """A text of 5, 6 or 7 fields."""
    count = random.choice((5, 5, 5, 6, 6, 7))
    second = fields.field(random, fields.SECOND, wall.second, 0.1) if count > 5 else fields.Field("0", _ALWAYS)
    minute = fields.field(random, fields.MINUTE, wall.minute, 0.3)
    hour = fields.field(random, fields.HOUR, wall.hour, 0.3)
    day, weekday = dates.by_date(random, wall.date(), 0.6), dates.by_weekday(random, wall.date(), 0.6)
    month = fields.field(random, fields.MONTH, wall.month, 0.7)
    asks = dates.both(day, weekday)
    years = f"{max(wall.year - 3, 1970)}-{min(wall.year + 1, 2099)}" if count == 7 else ""
    low, high = (max(wall.year - 3, 1970), min(wall.year + 1, 2099)) if count == 7 else (1, 9999)

    def on(at: date) -> bool:
        return at.month in month.values and low <= at.year <= high and asks(at)

    texts = [minute.text, hour.text, day.text, month.text, weekday.text]
    texts = [*([second.text] if count > 5 else []), *texts, *([years] if years else [])]
    beat = minute.text.startswith(("*", "H/")) or hour.text.startswith(("*", "H/"))
    beat = beat or minute.values == _ALL["minutes"] or hour.values == _ALL["hours"]
    return Part(f"cron{count}", " ".join(texts), Times(second.values, minute.values, hour.values, on, beat))


def _plain(random: Random, wall: datetime) -> Part:
    """A text that Debian's cron reads as we do: plain items, every month, no steps over all days."""
    minute = fields.field(random, fields.MINUTE, wall.minute, 0.3, plain=True)
    hour = fields.field(random, fields.HOUR, wall.hour, 0.3, plain=True)
    day = dates.by_date(random, wall.date(), 0.6, plain=True)
    weekday = dates.by_weekday(random, wall.date(), 0.6, plain=True)
    beat = minute.text.startswith("*") or hour.text.startswith("*")
    beat = beat or minute.values == _ALL["minutes"] or hour.values == _ALL["hours"]
    text = f"{minute.text} {hour.text} {day.text} * {weekday.text}"
    return Part("plain", text, Times(_ALWAYS, minute.values, hour.values, dates.both(day, weekday), beat))


def _named(random: Random, wall: datetime) -> Part:
    """A text of robfig v1, stepped by the task's own rules."""
    second = fields.field(random, fields.SECOND, wall.second, 0.05, plain=True)
    minute = fields.field(random, fields.MINUTE, wall.minute, 0.3, plain=True)
    hour = fields.field(random, fields.HOUR, wall.hour, 0.3, plain=True)
    text = f"{second.text} {minute.text} {hour.text} * * *"
    return Part("named", text, Times(second.values, minute.values, hour.values, lambda at: True, beat=True))


def _sets(random: Random, wall: datetime) -> Part:
    """Sets in place of a text, each there or not."""
    hints = {"minutes": wall.minute, "hours": wall.hour, "days": wall.day, "months": wall.month}
    hints["weekdays"] = wall.isoweekday() % 7
    bounds = {"minutes": (0, 59), "hours": (0, 23), "days": (1, 31), "months": (1, 12), "weekdays": (0, 6)}
    given: dict[str, list[int]] = {}
    for name, hint in hints.items():
        if random.random() < 0.5:
            low, high = bounds[name]
            drawn = {random.randint(low, high) for _ in range(random.choice((1, 3, 20)))} | {hint}
            given[name] = [] if random.random() < 0.02 else sorted(drawn)
    never = any(not values for values in given.values())

    def on(at: date) -> bool:
        asked = [at.day in given["days"]] if "days" in given else []
        asked += [at.isoweekday() % 7 in given["weekdays"]] if "weekdays" in given else []
        return not never and (not asked or any(asked)) and at.month in given.get("months", range(1, 13))

    minutes = frozenset(given.get("minutes", range(60)))
    hours = frozenset(given.get("hours", range(24)))
    return Part("sets", given, Times(_ALWAYS, minutes, hours, on, minutes == _ALL["minutes"] or hours == _ALL["hours"]))


def _word(random: Random) -> Part:
    """`@hourly` and its like."""
    zero, hours = _ALWAYS, _ALL["hours"]
    words: dict[str, Times] = {
        "@hourly": Times(zero, zero, hours, lambda at: True, beat=True),
        "@daily": Times(zero, zero, zero, lambda at: True, beat=False),
        "@midnight": Times(zero, zero, zero, lambda at: True, beat=False),
        "@weekly": Times(zero, zero, zero, lambda at: at.isoweekday() == 7, beat=False),
        "@monthly": Times(zero, zero, zero, lambda at: at.day == 1, beat=False),
        "@yearly": Times(zero, zero, zero, lambda at: (at.month, at.day) == (1, 1), beat=False),
    }
    word = random.choice(list(words))
    return Part("word", word, words[word])


def _real(random: Random, moment: datetime) -> Part:
    """`@every` and `@at`, which know no wall clock."""
    if random.random() < 0.7:
        seconds = random.choice((1, 7, 90, 600, 3600, 5400, 86_400))
        return Part("every", f"@every {seconds}s", interval=seconds)
    at = moment + timedelta(seconds=random.randrange(-20_000, 20_000))
    return Part("at", f"@at {at.isoformat()}Z", at=at)
