"""Notifications that are e-mails: the server's settings from a Secret, and the message as bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from crontask_core.httpcall import SecretError
from crontask_core.model.notify import EmailTo
from crontask_core.notices.facts import Facts
from crontask_core.notices.texts import subject, text

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_ADDRESS_REMEDY = "store one plain address such as crontask@example.com"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mails are handed in; `ca_pem` replaces the certificates that the system trusts."""

    host: str
    port: int
    security: str
    sender: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ca_pem: str = field(default="", repr=False)


def mail_server(to: EmailTo, path: str, data: Mapping[str, bytes] | None) -> MailServer:
    """The settings that a Secret holds; raises SecretError, which never shows what it holds."""
    settings = _Settings(to.secret_name, f"{path}.email.secretName", data)
    security = settings.get("security") or "starttls"
    if security not in _PORTS:
        raise settings.error("security", "is none of the words for it", "store starttls, tls or none")
    port = settings.get("port") or str(_PORTS[security])
    if not port.isdecimal() or not 0 < int(port) < 65_536:
        raise settings.error("port", "is no port", "store a number from 1 to 65535")
    username, password = settings.get("username"), settings.get("password")
    if bool(username) != bool(password):
        raise settings.error("username", "goes with password", "store both, or none")
    if username and security == "none":
        raise settings.error("security", "would send the password unencrypted", "store starttls or tls")
    sender = settings.needed("from", _ADDRESS_REMEDY)
    if sender.count("@") != 1 or any(character in sender for character in ' <>,;"'):
        raise settings.error("from", "is no plain address", _ADDRESS_REMEDY)
    return MailServer(
        host=settings.needed("host", "store the mail server's name, such as smtp.example.com"),
        port=int(port),
        security=security,
        sender=sender,
        username=username,
        password=password,
        ca_pem=settings.text("ca.crt"),
    )


class _Settings:
    """The texts of a Secret."""

    def __init__(self, name: str, path: str, data: Mapping[str, bytes] | None) -> None:
        self._name, self._path = name, path
        if data is None:
            raise SecretError(path, name, "does not exist", "create the Secret in the task's namespace")
        self._data = data

    def error(self, key: str, problem: str, remedy: str) -> SecretError:
        return SecretError(self._path, f"{self._name}/{key}", problem, remedy)

    def text(self, key: str) -> str:
        try:
            return self._data.get(key, b"").decode()
        except UnicodeDecodeError:
            raise self.error(key, "is not text in UTF-8", "store text") from None

    def get(self, key: str) -> str:
        """One line, or nothing; a line break at the end, which editors leave, is forgiven."""
        line = self.text(key).rstrip("\r\n")
        if not line.isprintable():
            raise self.error(key, "holds a line break or a control character", "store one line of text")
        return line

    def needed(self, key: str, remedy: str) -> str:
        if not (line := self.get(key).strip()):
            raise self.error(key, "is missing", remedy)
        return line


def mail(facts: Facts, to: EmailTo, sender: str, now: datetime) -> bytes:
    """The message; its Message-ID is the same in every try, so that mail programs show it once."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(to.to)
    message["Subject"] = subject(facts)
    message["Date"] = format_datetime(now.astimezone(UTC))
    message["Message-ID"] = f"<{facts.notice.id}@crontask.dev>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-CronTask"] = f"{facts.task} {facts.notice.when}"
    message.set_content(text(facts))
    return message.as_bytes()
