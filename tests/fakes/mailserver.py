"""A real SMTP server on the loopback, in the test's own loop: it keeps what it was handed, or refuses it."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class MailBox:
    """What the server was handed, and which receivers it refuses."""

    port: int = 0
    received: list[Envelope] = field(default_factory=list)
    refused: frozenset[str] = frozenset()
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    connections: int = 0

    def messages(self) -> list[EmailMessage]:
        """The messages as they were handed in."""
        return [
            cast(EmailMessage, message_from_bytes(cast(bytes, each.content), policy=default)) for each in self.received
        ]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        self.received.append(envelope)
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Knows one user: cron, with the password secret-password."""
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"secret-password", handled=False)


@asynccontextmanager
async def mail_server(
    box: MailBox, *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, login: bool = False
) -> AsyncIterator[MailBox]:
    """Serves `box` on a port of its own: plain, with STARTTLS, or with TLS from the start."""
    protocols: list[SMTP] = []

    def made() -> SMTP:
        box.connections += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a login without STARTTLS; here TLS comes before it
            protocol = SMTP(
                box,
                hostname="mail.test",
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=box.authenticate if login else None,
                auth_required=login,
                auth_require_tls=tls is None,
                enable_SMTPUTF8=True,
            )
        protocols.append(protocol)
        return protocol

    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0, ssl=tls)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for protocol in protocols:
            for transport in (protocol.transport, protocol._original_transport):
                if transport is not None:
                    transport.close()
        for _ in range(10):  # what closes takes some turns of the loop
            await asyncio.sleep(0)
