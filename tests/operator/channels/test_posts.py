"""Webhooks over the loopback: what is a delivery, what is not, and that no redirect is followed."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, cast

import pytest
from fakes.webserver import Route, WebServer, answers, redirects, says

from crontask_core.egress import EgressPolicy
from crontask_core.model import Notify, PendingNotification
from crontask_core.names import Key
from crontask_core.notices import Facts
from crontask_kube.client import ApiClient
from crontask_operator.channels.channel import Delivery
from crontask_operator.channels.posts import PostChannel
from crontask_operator.executors.http import HttpExecutor

LOOPBACK = EgressPolicy.standard(allow=[ip_network("127.0.0.1/32")])


class Secrets:
    """An API server with one Secret."""

    def __init__(self, url: str) -> None:
        self.url = base64.b64encode(url.encode()).decode()

    async def get(self, resource: Any, namespace: str, name: str) -> dict[str, Any]:
        return {"data": {"url": self.url}}


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with WebServer() as running:
        yield running


async def sent(web: WebServer, route: Route, *, secret: bool = False, policy: EgressPolicy = LOOPBACK) -> Delivery:
    web.routes = {"/token": route, "/other": answers()}
    to: dict[str, Any] = (
        {"slack": {"urlFrom": {"name": "s", "key": "url"}}} if secret else {"webhook": {"url": web.url("/token")}}
    )
    notice = PendingNotification(id="0123", when="Missed", way=0, at=datetime(2026, 3, 1, tzinfo=UTC), count=1)
    told = Facts(Key("shop", "backup"), Notify.model_validate({"when": ["Missed"]} | to), notice)
    http = HttpExecutor(policy=policy)
    try:
        return await PostChannel(cast(ApiClient, Secrets(web.url("/token"))), http, lambda: True).send(told)
    finally:
        await http.close()


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_an_answer_that_says_yes(web: WebServer, status: int) -> None:
    assert await sent(web, answers(status, b"")) == Delivery(True, "Delivered")
    [seen] = web.seen
    assert (seen.method, seen.headers["idempotency-key"]) == ("POST", "0123")
    assert json.loads(seen.body)["missedCount"] == 1


async def test_slack_gets_its_text(web: WebServer) -> None:
    assert (await sent(web, answers(), secret=True)).delivered
    assert list(json.loads(web.seen[0].body)) == ["text"]


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        (answers(500), "BadStatus"),
        (answers(404), "BadStatus"),
        (redirects("/other"), "BadStatus"),
        (says(b"nonsense\r\n\r\n"), "ProtocolError"),
    ],
)
@pytest.mark.parametrize("secret", [False, True])
async def test_what_is_no_delivery(web: WebServer, route: Route, reason: str, secret: bool) -> None:
    delivery = await sent(web, route, secret=secret)
    assert (delivery.delivered, delivery.reason) == (False, reason)
    assert len(web.seen) == 1
    assert "/token" not in delivery.message


async def test_an_answer_whose_body_breaks_off_was_still_given(web: WebServer) -> None:
    assert (await sent(web, says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))).delivered


async def test_a_denied_address_gets_no_packet_and_a_secret_host_is_not_told(web: WebServer) -> None:
    delivery = await sent(web, answers(), secret=True, policy=EgressPolicy.standard())
    assert (delivery.delivered, delivery.reason) == (False, "EgressDenied")
    assert "CRONTASK_EGRESS_ALLOW" in delivery.message
    assert web.seen == []
