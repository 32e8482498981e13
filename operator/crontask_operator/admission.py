"""Kopf's side of the validating webhook: its handlers, its server, and what keeps both from harming the rest.

The configuration object that makes the API server ask comes from the chart, so
that several replicas never write it. What goes wrong here lets an object pass:
the `Ready` condition will say the same a moment later.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import kopf
import structlog

from crontask_core import names
from crontask_core.errors import FieldError

Review = Callable[[str, dict[str, Any]], list[str]]
"""Called with the plural and an object that somebody writes; returns warnings, raises `FieldError` to refuse it."""

REVIEWED = (names.TASK, names.EXECUTION, names.GROUP_KIND, names.TARGET, names.CALENDAR)
SERVE_AGAIN_SECONDS = 10.0
UNPROCESSABLE = 422
log = structlog.get_logger(__name__)


class Admission:
    """The webhook at one address (`host:port`), with the certificate of one folder (tls.crt, tls.key)."""

    def __init__(self, review: Review, address: str, certificate: str) -> None:
        """Raises `FieldError` for a certificate that cannot be used."""
        self._review = review
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._certificate, self._key = Path(certificate) / "tls.crt", Path(certificate) / "tls.key"
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self._certificate, self._key)
        except OSError as error:
            remedy = "put the webhook's certificate and key there, as tls.crt and tls.key"
            raise FieldError(
                "CRONTASK_WEBHOOK_CERTIFICATE", certificate, f"cannot be used ({error})", remedy
            ) from error

    def register(self, registry: kopf.OperatorRegistry) -> None:
        """A handler for each kind; its id is the path at which the API server asks, `/crontasks` for tasks."""
        for kind in REVIEWED:
            self._register(registry, kind.plural)

    def _register(self, registry: kopf.OperatorRegistry, plural: str) -> None:
        @kopf.on.validate(names.GROUP, names.VERSION, plural, registry=registry, id=plural)
        async def handle(body: kopf.Body, warnings: list[str], **_: Any) -> None:
            try:
                warnings += self._review(plural, dict(body))
            except FieldError as error:
                raise kopf.AdmissionError(str(error), code=UNPROCESSABLE) from None
            except Exception:
                log.exception("a review failed, the object passes", kind=plural)

    async def serve(self, answer: Any) -> AsyncIterator[Any]:
        """Kopf's server, again and again: a port in use or a certificate that vanished must not end the watches."""
        while True:
            server = kopf.WebhookServer(
                addr=self._host, port=self._port, certfile=str(self._certificate), pkeyfile=str(self._key)
            )
            try:
                async with server:
                    async for config in server(answer):
                        log.info("the webhook listens", address=f"{self._host}:{self._port}")
                        yield config
            except Exception as error:
                log.warning("the webhook cannot be served for now", error=str(error))
            await asyncio.sleep(SERVE_AGAIN_SECONDS)
