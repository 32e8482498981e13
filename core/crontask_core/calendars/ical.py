"""The times that the events of an iCalendar text cover (RFC 5545).

`icalendar` reads the text, `dateutil` steps its rules. Between them, here: which
events belong together, what is left out or moved, what an event lasts, and the
bounds that keep a text from costing more than it should. Expanded a year at a
time, when somebody asks.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from crontask_core.calendars.spans import Spans

if TYPE_CHECKING:
    from crontask_core.calendars.series import Series

_YEARS_KEPT = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class Events:
    """All events of a text. Remembers the years it was asked about; safe to share."""

    __slots__ = ("_series", "_years")

    def __init__(self, series: "Sequence[Series]") -> None:
        self._series = series
        self._years: dict[int, Spans] = {}

    def cover(self, at: datetime) -> bool:
        """Whether an event covers an aware instant; its end is not part of it."""
        return _seconds(at) in self._spans(at.astimezone(UTC).year)

    def until(self, at: datetime) -> datetime:
        """The next moment (aware UTC, within the year) at which `cover` may answer otherwise."""
        year = at.astimezone(UTC).year
        edge = self._spans(year).edge_after(_seconds(at))
        ends = _year(year)[1]
        return ends if edge is None else min(_EPOCH + edge * _SECOND, ends)

    def _spans(self, year: int) -> Spans:
        """What is covered in a UTC year, in seconds since 1970."""
        known = self._years.get(year)
        if known is None:
            start, end = _year(year)
            found = [span for series in self._series for span in series.between(start, end)]
            known = Spans((_seconds(opens), _seconds(closes)) for opens, closes in found)
            if len(self._years) >= _YEARS_KEPT:
                self._years.clear()
            self._years[year] = known
        return known


def read_events(text: str, zone: str) -> Events:
    """The events of a text; times without zone are those of `zone`. `FieldError` where it cannot be used."""
    # Loaded where a calendar holds such a text: the library takes 9 MB and a tenth of a second.
    from crontask_core.calendars.series import read_series

    return Events(read_series(text, zone))


def _year(year: int) -> tuple[datetime, datetime]:
    return datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC) + _SECOND


def _seconds(at: datetime) -> int:
    """Whole seconds since 1970, downwards."""
    return (at - _EPOCH) // _SECOND
