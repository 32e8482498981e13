"""Many connections on which nothing is ever asked, as a crowd of clients that have forgotten theirs keeps them open."""

import asyncio
import contextlib
import socket
import struct

AT_ONCE = 100
"""Connections that are being made at once."""
ABRUPT = struct.pack("ii", 1, 0)
"""SO_LINGER: a connection that is given up leaves nothing behind that would keep its port."""


class Idle(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        """None before it is made, and once the other side has closed it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPT)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side has had enough of it."""
        self.transport = None


class Crowd:
    """All connections to one port of 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._members: list[Idle] = []

    @property
    def open(self) -> int:
        """How many the other side has not closed."""
        return sum(member.transport is not None for member in self._members)

    async def join(self, count: int) -> None:
        """Makes so many connections; those that are refused at once count as closed."""
        numbers = iter(range(count))
        loop = asyncio.get_running_loop()

        async def work() -> None:
            for _ in numbers:
                with contextlib.suppress(ConnectionError):
                    _, member = await loop.create_connection(Idle, "127.0.0.1", self._port)
                    self._members.append(member)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())

    def leave(self) -> None:
        """Gives all of them up."""
        for member in self._members:
            if member.transport is not None:
                member.transport.abort()
