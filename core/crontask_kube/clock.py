"""The only reader of the time.

Shells read a `Clock` once per pass and hand the value down; the pure core takes
`now` as an argument and never sees this module. Two times, two uses: `now` is
what people and manifests speak of and may step, `monotonic` measures how long
something took or may still be trusted and never goes back. It goes on while the
machine is suspended, as the Leases of others do.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where a shell gets the time from."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC; may step when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never steps, counts a suspended machine's time, not comparable between
        processes."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)  # noqa: TID251 - this is the one place where the time is read

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        # Linux's monotonic clock rests while the machine does; a leader that wakes must know how long that was.
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
