"""HTTP/1.1 on one connection for one request: h11 reads and writes the protocol, this carries its bytes.

httpcore2's own connection does the same around the same h11; its locks, traces and copies cost more than h11 itself
(docs/decisions/0004-http-client.md).
"""

from collections.abc import AsyncGenerator

import h11

from crontask_operator.executors.redirects import Hop
from crontask_operator.executors.stream import ClosedEarly, WireStream

MAX_HEAD_BYTES = 100 * 1024
"""A longer status line with its headers breaks the rules."""
READ_BYTES = 64 * 1024


class Answer:
    """An answer up to the end of its headers; `body` reads on."""

    def __init__(
        self, stream: WireStream, state: h11.Connection, head: h11.Response | h11.InformationalResponse
    ) -> None:
        self.status, self.text = head.status_code, head.reason.decode("utf-8", "replace")
        self.headers: list[tuple[bytes, bytes]] = head.headers.raw_items()
        self._stream, self._state = stream, state

    async def body(self) -> AsyncGenerator[bytes, None]:
        """The body in pieces as they arrive. Raises h11.RemoteProtocolError."""
        while True:
            event = await _event(self._stream, self._state)
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            else:
                return


async def exchange(hop: Hop, stream: WireStream) -> Answer:
    """Sends the hop's request and reads the head of the answer. Raises h11.ProtocolError, local or remote."""
    state = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    request = h11.Request(method=hop.method, target=hop.url.raw_path, headers=hop.wire_headers())
    try:
        await stream.write(state.send(request) or b"")
        if hop.body:
            await stream.write(state.send(h11.Data(data=hop.body)) or b"")
        await stream.write(state.send(h11.EndOfMessage()) or b"")
    except ClosedEarly:
        pass  # an answer may have come before the request was read
    while True:
        event = await _event(stream, state)
        if isinstance(event, h11.Response) or (
            isinstance(event, h11.InformationalResponse) and event.status_code == 101
        ):
            return Answer(stream, state, event)


async def _event(stream: WireStream, state: h11.Connection) -> object:
    while (event := state.next_event()) is h11.NEED_DATA:
        data = await stream.read(READ_BYTES)
        if not data and state.their_state is h11.SEND_RESPONSE:
            raise h11.RemoteProtocolError("Server disconnected without sending a response.")
        state.receive_data(data)
    return event
