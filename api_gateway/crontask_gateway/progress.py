"""How far this replica's watches have told, and waiting until one has told enough."""

import asyncio
from typing import NamedTuple


class Place(NamedTuple):
    """What one watch tells of."""

    plural: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.plural}/{self.namespace}"


class Progress:
    """How far a watch has told."""

    def __init__(self) -> None:
        self.version = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def advance(self, version: str) -> None:
        """The follower was told of everything up to this version."""
        self.version = max(self.version, int(version))
        ready = [future for wanted, future in self._waiting if wanted <= self.version]
        if ready:
            self._waiting = [each for each in self._waiting if each[0] > self.version]
        for future in ready:
            if not future.done():
                future.set_result(None)

    def reset(self) -> None:
        """The watch begins anew."""
        self.version = 0

    async def reach(self, version: int) -> None:
        """Waits until the watch has come so far; give it a time limit."""
        if version <= self.version:
            return
        entry = (version, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        finally:
            self._waiting = [each for each in self._waiting if each is not entry]
