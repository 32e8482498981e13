"""E-mail by a real SMTP server on the loopback: plain, STARTTLS, TLS, a login; and every way in which it fails."""

import base64
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, cast

import pytest
import trustme
from fakes.clock import ManualClock
from fakes.mailserver import MailBox, mail_server
from fakes.webserver import listening

from crontask_core.egress import EgressPolicy
from crontask_core.errors import FieldError
from crontask_core.model import ExecutionSpec, ExecutionStatus, Notify, PendingNotification
from crontask_core.names import Key
from crontask_core.notices import Facts
from crontask_kube.client import ApiClient
from crontask_kube.errors import NotFound
from crontask_operator.channels import mail as module
from crontask_operator.channels.channel import Delivery
from crontask_operator.channels.mail import MailChannel
from crontask_operator.executors.http import HttpExecutor

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOOPBACK = EgressPolicy.standard(allow=[ip_network("127.0.0.1/32")])
HIDDEN = ("secret-password", "cron-user", "mail.test")


class Secrets:
    """An API server with one Secret."""

    def __init__(self, **data: str) -> None:
        self.data = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}

    async def get(self, resource: Any, namespace: str, name: str) -> dict[str, Any]:
        assert (resource.plural, namespace) == ("secrets", "shop")
        if name != "smtp":
            raise NotFound("no such Secret", status=404)
        return {"data": self.data}


async def anywhere(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def facts(*receivers: str, secret: str = "smtp", output: str = "disk full") -> Facts:
    notify = {"when": ["Failure"], "email": {"secretName": secret, "to": list(receivers) or ["team@example.com"]}}
    return Facts(
        Key("shop", "backup"),
        Notify.model_validate(notify),
        PendingNotification(id="0123", when="Failure", way=0, execution="backup-1", at=AT, phase="Failed", failures=3),
        "Europe/Berlin",
        ExecutionSpec.model_validate({"taskRef": {"name": "backup"}, "trigger": "Schedule", "scheduledAt": AT}),
        ExecutionStatus(phase="Failed", reason="ExitCode", message="exit 1", finished_at=AT, output=output),
    )


async def sent(
    box_port: int, what: Facts, *, policy: EgressPolicy = LOOPBACK, leads: bool = True, **data: str
) -> Delivery:
    http = HttpExecutor(policy=policy, resolve=anywhere)
    secret = {"host": "mail.test", "port": str(box_port), "from": "cron@example.com"} | data
    channel = MailChannel(cast(ApiClient, Secrets(**secret)), ManualClock(), http.permitted, lambda: leads)
    try:
        return await channel.send(what)
    finally:
        await http.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving(authority: trustme.CA, name: str = "mail.test") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


async def test_a_plain_server_gets_the_message_whole() -> None:
    async with mail_server(MailBox()) as box:
        assert await sent(box.port, facts("a@example.com", "b@example.com"), security="none") == Delivery(
            True, "Delivered"
        )
    [envelope], [message] = box.received, box.messages()
    assert envelope.mail_from == "cron@example.com"
    assert envelope.rcpt_tos == ["a@example.com", "b@example.com"]
    assert message["Subject"] == "CronTask shop/backup failed 3 times in a row"
    assert message["To"] == "a@example.com, b@example.com"
    assert message["From"] == "cron@example.com"
    assert message["Message-ID"] == "<0123@crontask.dev>"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content().replace("\r\n", "\n")
    assert "Outcome: Failed (ExitCode)\n" in text
    assert "Instant: 2026-03-01T13:00:00+01:00\n" in text
    assert text.rstrip().endswith("Output:\ndisk full")


async def test_output_in_any_language_arrives_as_it_is() -> None:
    output = "größer als 日本 🙂\n.\nQUIT\r\n" + "x" * 2000
    async with mail_server(MailBox()) as box:
        assert (await sent(box.port, facts(output=output), security="none")).delivered
    [message] = box.messages()
    assert output.replace("\r\n", "\n").strip() in message.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_login_over_tls(authority: trustme.CA, security: str) -> None:
    served = {"starttls" if security == "starttls" else "tls": serving(authority)}
    credentials = {"username": "cron-user", "password": "secret-password"}
    async with mail_server(MailBox(), login=True, **served) as box:
        delivery = await sent(box.port, facts(), security=security, ca_crt=pem(authority), **credentials)
    assert delivery == Delivery(True, "Delivered")
    assert box.logins == [(b"cron-user", b"secret-password")]
    assert len(box.received) == 1


async def test_a_wrong_password_is_told_without_it(authority: trustme.CA) -> None:
    credentials = {"username": "cron-user", "password": "secret-password2"}
    async with mail_server(MailBox(), login=True, starttls=serving(authority)) as box:
        delivery = await sent(box.port, facts(), ca_crt=pem(authority), **credentials)
    assert (delivery.delivered, delivery.reason) == (False, "AuthenticationFailed")
    assert "535" in delivery.message
    assert not any(hidden in delivery.message for hidden in HIDDEN)
    assert box.received == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(("name", "trusted"), [("other.test", True), ("mail.test", False)])
async def test_a_server_that_cannot_prove_its_name_gets_neither_password_nor_message(
    authority: trustme.CA, security: str, name: str, trusted: bool
) -> None:
    served = {"starttls" if security == "starttls" else "tls": serving(authority, name)}
    trust = {"ca_crt": pem(authority if trusted else trustme.CA())}
    credentials = {"username": "cron-user", "password": "secret-password"}
    async with mail_server(MailBox(), login=True, **served) as box:
        delivery = await sent(box.port, facts(), security=security, **trust, **credentials)
    assert (delivery.delivered, delivery.reason) == (False, "TlsError"), delivery
    assert (box.received, box.logins) == ([], [])
    assert not any(hidden in delivery.message for hidden in HIDDEN)


async def test_a_server_without_starttls_gets_nothing() -> None:
    credentials = {"username": "cron-user", "password": "secret-password"}
    async with mail_server(MailBox()) as box:
        delivery = await sent(box.port, facts(), **credentials)
    assert (delivery.delivered, delivery.reason) == (False, "MailRefused")
    assert "STARTTLS" in delivery.message
    assert (box.received, box.logins) == ([], [])


async def test_receivers_that_are_refused() -> None:
    async with mail_server(MailBox(refused=frozenset({"gone@example.com"}))) as box:
        none = await sent(box.port, facts("gone@example.com"), security="none")
        some = await sent(box.port, facts("gone@example.com", "team@example.com"), security="none")
    assert none == Delivery(False, "RecipientsRefused", "The server refused gone@example.com (550)")
    assert some == Delivery(True, "Delivered", "The server refused gone@example.com (550).")
    assert [each.rcpt_tos for each in box.received] == [["team@example.com"]]


async def test_a_denied_address_is_told_and_no_packet_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(addresses: Sequence[str], port: int) -> None:
        raise AssertionError(f"connected to {addresses}")

    monkeypatch.setattr(module, "_connected", never)
    async with mail_server(MailBox()) as box:
        delivery = await sent(box.port, facts(), policy=EgressPolicy.standard(), security="none")
    assert (delivery.delivered, delivery.reason) == (False, "EgressDenied")
    assert "CRONTASK_EGRESS_ALLOW" in delivery.message
    assert "mail.test" not in delivery.message
    assert box.connections == 0


async def test_a_server_that_is_not_there() -> None:
    async with mail_server(MailBox()) as box:
        pass
    delivery = await sent(box.port, facts(), security="none")
    assert (delivery.delivered, delivery.reason) == (False, "Refused")


async def test_a_server_that_hangs_up() -> None:
    async def handler(reader: Any, writer: Any) -> None:
        writer.write(b"220 hello\r\n")
        await writer.drain()

    async with listening(handler) as port:
        delivery = await sent(port, facts(), security="none")
    assert (delivery.delivered, delivery.reason) == (False, "Reset")


async def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(reader: Any, writer: Any) -> None:
        await reader.read()

    monkeypatch.setattr(module, "STEP_SECONDS", 0.2)
    async with listening(handler) as port:
        delivery = await sent(port, facts(), security="none")
    assert (delivery.delivered, delivery.reason) == (False, "Timeout")


async def test_who_no_longer_leads_sends_nothing() -> None:
    async with mail_server(MailBox()) as box:
        delivery = await sent(box.port, facts(), security="none", leads=False)
    assert (delivery.delivered, delivery.reason, box.received) == (False, "NotSent", [])


async def test_a_secret_that_is_missing_or_wrong_is_named_and_nothing_is_connected_to() -> None:
    for what, data, field in (
        (facts(secret="other"), {}, "other"),
        (facts(), {"security": "loose"}, "smtp/security"),
        (facts(), {"username": "cron-user"}, "smtp/username"),
        (facts(), {"from": "Cron <cron@example.com>"}, "smtp/from"),
        (facts(), {"host": ""}, "smtp/host"),
    ):
        with pytest.raises(FieldError, match=f'spec.notify\\[0\\].email.secretName: "{field}"'):
            await sent(9, what, **data)
