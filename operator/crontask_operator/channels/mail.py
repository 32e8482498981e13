"""E-mail: one message to the server that a Secret names, by a connection to an address that the egress policy permits.

The name is looked up and judged here, and the connection goes to the very address
that was judged. TLS is verified against the name; without it no password is sent.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import lru_cache

import aiosmtplib
import structlog

from crontask_core.notices import Facts
from crontask_core.notices.mails import MailServer, mail, mail_server
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_operator.channels.channel import Delivery, told
from crontask_operator.executors.stream import CallFailed
from crontask_operator.executors.stream import told as told_of
from crontask_operator.secrets import read_secret

Permitted = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host and port, all of them permitted; raises CallFailed."""

CONNECT_SECONDS = 5.0
STEP_SECONDS = 10.0
"""For each command and its answer."""
log = structlog.get_logger(__name__)


class MailChannel:
    """Sends e-mails (see `Channel`)."""

    def __init__(self, api: ApiClient, clock: Clock, permitted: Permitted, may_send: Callable[[], bool]) -> None:
        self._api, self._clock, self._permitted, self._may_send = api, clock, permitted, may_send

    async def send(self, facts: Facts) -> Delivery:
        """Hands the message in; the server has taken it when this says delivered."""
        to = facts.notify.email
        assert to is not None, "the notifier asks the channel of the way's kind"
        data = await read_secret(self._api, facts.task.namespace, to.secret_name)
        server = mail_server(to, f"spec.notify[{facts.notice.way}]", data)
        message = mail(facts, to, server.sender, self._clock.now())
        hidden = (server.host, server.username, server.password, server.sender)
        try:
            context = await asyncio.to_thread(_context, server.ca_pem)
            addresses = await self._permitted(server.host, server.port)
            connection = await _connected(addresses, server.port)
            try:
                return await self._hand_in(server, connection, context, list(to.to), message)
            finally:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # the transport, whose socket it is, then closes at once
        except CallFailed as failed:
            return Delivery(False, failed.reason.value, told(failed.message, hidden))
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
            return Delivery(False, _reason(cause), told(_message(cause), hidden))

    async def _hand_in(
        self,
        server: MailServer,
        connection: socket.socket,
        context: ssl.SSLContext,
        receivers: list[str],
        message: bytes,
    ) -> Delivery:
        client = aiosmtplib.SMTP(
            hostname=server.host,
            sock=connection,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=context,
            username=server.username or None,
            password=server.password or None,
            local_hostname=_literal(connection),
            timeout=STEP_SECONDS,
        )
        async with client:
            if not self._may_send():
                return Delivery(False, "NotSent", "This replica no longer leads.")
            refused, _ = await client.sendmail(server.sender, receivers, message)
        if not refused:
            return Delivery(True, "Delivered")
        names = ", ".join(f"{name} ({answer.code})" for name, answer in refused.items())
        log.warning("some receivers of a notification were refused", receivers=len(receivers), refused=len(refused))
        return Delivery(True, "Delivered", told(f"The server refused {names}.", (server.host, server.sender)))


async def _connected(addresses: Sequence[str], port: int) -> socket.socket:
    """A connection to the first address that answers; raises OSError."""
    loop = asyncio.get_running_loop()
    failed: OSError = OSError("no address")
    for address in addresses:
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(made, (address, port))
        except OSError as error:  # a TimeoutError is one
            made.close()
            failed = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise failed


def _literal(connection: socket.socket) -> str:
    """How this end introduces itself: its address, as RFC 5321 writes it, since a pod has no name to be found by."""
    address = connection.getsockname()[0].partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


@lru_cache(maxsize=64)
def _context(ca_pem: str) -> ssl.SSLContext:
    """Trusts these certificates alone, or what the system trusts; raises ssl.SSLError or ValueError."""
    return ssl.create_default_context(cadata=ca_pem or None)


def _reason(error: BaseException) -> str:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return "AuthenticationFailed"
        case aiosmtplib.SMTPRecipientsRefused():
            return "RecipientsRefused"
        case TimeoutError():
            return "Timeout"
        case ssl.SSLError():
            return "TlsError"
        case ConnectionRefusedError():
            return "Refused"
        case aiosmtplib.SMTPServerDisconnected():
            return "Reset"
        case aiosmtplib.SMTPException() | ValueError():
            return "MailRefused"
        case _:
            return "ConnectError"


def _message(error: BaseException) -> str:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return "The server refused " + ", ".join(f"{each.recipient} ({each.code})" for each in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"The server answered {error.code} {error.message}"
    return told_of(error)
