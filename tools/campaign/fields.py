"""Random fields of cron texts, each made together with the set that it stands for."""

from dataclasses import dataclass
from hashlib import sha256
from random import Random

IDENTITY = "team/campaign"
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@dataclass(frozen=True)
class Bounds:
    """What a field may hold; `place` is what its `H` is drawn with."""

    low: int
    high: int
    place: int
    names: tuple[str, ...] = ()


SECOND, MINUTE, HOUR = Bounds(0, 59, 5), Bounds(0, 59, 0), Bounds(0, 23, 1)
DAY, MONTH, WEEKDAY = Bounds(1, 31, 2), Bounds(1, 12, 3, tuple(MONTHS)), Bounds(0, 6, 4, tuple(WEEKDAYS))


@dataclass(frozen=True)
class Field:
    """A field's text and set."""

    text: str
    values: frozenset[int]

    @property
    def open(self) -> bool:
        """Whether it restricts nothing."""
        return bool({"*", "?", "*/1"} & set(self.text.split(",")))


def field(random: Random, bounds: Bounds, hint: int, star: float, plain: bool = False) -> Field:
    """A field; with the probability `star` a star, and else one to three items, which mostly hold `hint`.

    `plain` leaves out what Debian's cron reads otherwise or not at all.
    """
    if random.random() < star:
        return Field("*", frozenset(range(bounds.low, bounds.high + 1)))
    items = [_item(random, bounds, plain) for _ in range(random.choice((1, 1, 2, 3)))]
    if random.random() < 0.6:
        items[0] = _single(random, bounds, hint)
    random.shuffle(items)
    return Field(",".join(item.text for item in items), frozenset().union(*(item.values for item in items)))


def _single(random: Random, bounds: Bounds, value: int) -> Field:
    text = str(value)
    if bounds.names and random.random() < 0.3:
        text = bounds.names[value - bounds.low]
        text = text.lower() if random.random() < 0.3 else text
    elif bounds is WEEKDAY and value == 0 and random.random() < 0.5:
        text = "7"
    return Field(text, frozenset({value}))


def _item(random: Random, bounds: Bounds, plain: bool) -> Field:
    low, high = bounds.low, bounds.high
    first, last = sorted((random.randint(low, high), random.randint(low, high)))
    step = random.randint(1, high - low + 1)
    choice = random.randrange(3 if plain else 8)
    if choice == 0 or (plain and first == last):
        return _single(random, bounds, first)
    if choice == 1:
        return Field(f"{first}-{last}", frozenset(range(first, last + 1)))
    if choice == 2:
        return Field(f"{first}-{last}/{step}", frozenset(range(first, last + 1, step) if first < last else {first}))
    if choice == 3:
        return Field(f"*/{step}", frozenset(range(low, high + 1, step)))
    if choice == 4:
        return Field(f"{first}/{step}", frozenset(range(first, high + 1, step)))
    if choice == 5 and first < last:
        return Field(f"{last}-{first}", frozenset({*range(last, high + 1), *range(low, first + 1)}))
    return _hashed(random, bounds, first, last)


def _hashed(random: Random, bounds: Bounds, first: int, last: int) -> Field:
    """`H` in its four forms: the first eight bytes of the SHA-256 of "identity place", as a number."""
    draw = int.from_bytes(sha256(f"{IDENTITY} {bounds.place}".encode()).digest()[:8], "big")
    ranged = random.random() < 0.5
    low, high = (first, last) if ranged else (bounds.low, bounds.high)
    span = f"({low}-{high})" if ranged else ""
    if random.random() < 0.5:
        if bounds is DAY and not ranged:
            high = 28
        return Field(f"H{span}", frozenset({low + draw % (high - low + 1)}))
    step = random.randint(1, high - low + 1)
    start = low + draw % step
    return Field(f"H{span}/{step}", frozenset(range(start, high + 1, step)))
