"""A clock that tests turn by hand; both of its times move together unless the wall clock is stepped."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Implements `crontask_kube.clock.Clock`. Starts on 1 March 2026, 12:00 UTC, at 1000 monotonic seconds."""

    def __init__(self, start: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Sets the wall clock forwards or back, as a person or NTP does; monotonic time stays."""
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """In place of `asyncio.sleep`: notes the seconds and lets them pass at once."""
        self.slept.append(seconds)
        self.advance(seconds)
