"""The validating webhook over real TLS: what it refuses, what it warns of, and what it survives."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import kopf
import pytest
import trustme
from kopf._cogs.structs.references import Insights, Resource
from kopf._core.engines import admission as engine
from kopf._core.reactor.inventory import ResourceMemories

from crontask_core.errors import FieldError
from crontask_core.names import GROUP, VERSION
from crontask_operator import handlers
from crontask_operator.admission import REVIEWED, Admission

Body = dict[str, Any]
TASKS = "crontasks"


def review_of(spec: Body, plural: str = TASKS) -> Body:
    """What the API server sends about a new object."""
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u1",
            "resource": {"group": GROUP, "version": VERSION, "resource": plural},
            "operation": "CREATE",
            "userInfo": {"username": "somebody"},
            "object": {"metadata": {"namespace": "default", "name": "t", "uid": "x"}, "spec": spec},
            "oldObject": None,
        },
    }


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def folder(authority: trustme.CA, tmp_path: Path) -> Path:
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    return tmp_path


def judge(plural: str, body: Body) -> list[str]:
    if body["spec"].get("bad"):
        raise FieldError("spec.bad", body["spec"]["bad"], "is bad", "make it good")
    if body["spec"].get("broken"):
        raise RuntimeError("a defect of ours")
    return ["it never runs"] if body["spec"].get("odd") else []


@pytest.fixture
async def ask(authority: trustme.CA, folder: Path, unused_tcp_port: int) -> AsyncIterator[Callable[..., Any]]:
    """`await ask(review)`: the answer of a webhook that Kopf serves."""
    admission = Admission(judge, f"127.0.0.1:{unused_tcp_port}", str(folder))
    registry, insights = kopf.OperatorRegistry(), Insights()
    admission.register(registry)
    insights.webhook_resources.update(Resource(GROUP, VERSION, kind.plural, namespaced=True) for kind in REVIEWED)

    async def answer(request: Any, **rest: Any) -> Any:
        return await engine.serve_admission_request(
            request,
            **rest,
            settings=handlers.settings(),
            memories=ResourceMemories(),
            memobase=kopf.Memo(),
            registry=registry,
            insights=insights,
            indices={},
        )

    listening = asyncio.Event()

    async def serve() -> None:
        async for _ in admission.serve(answer):
            listening.set()

    server = asyncio.create_task(serve())
    await asyncio.wait_for(listening.wait(), 5)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:

        async def asked(review: Body, path: str = TASKS) -> Body:
            async with session.post(f"https://127.0.0.1:{unused_tcp_port}/{path}", json=review) as response:
                assert response.status == 200
                body: Body = await response.json()
                return body["response"]

        yield asked
    server.cancel()
    await asyncio.gather(server, return_exceptions=True)


async def test_a_good_object_passes(ask: Callable[..., Any]) -> None:
    assert await ask(review_of({})) == {"uid": "u1", "allowed": True}


async def test_a_bad_one_is_refused_with_field_value_and_remedy(ask: Callable[..., Any]) -> None:
    answer = await ask(review_of({"bad": "x"}))
    assert answer["allowed"] is False
    assert answer["status"] == {"message": 'spec.bad: "x" is bad; make it good', "code": 422}


async def test_an_odd_one_passes_with_a_warning(ask: Callable[..., Any]) -> None:
    answer = await ask(review_of({"odd": True}))
    assert (answer["allowed"], answer["warnings"]) == (True, ["it never runs"])


async def test_a_defect_of_ours_lets_the_object_pass(ask: Callable[..., Any]) -> None:
    assert (await ask(review_of({"broken": True})))["allowed"] is True


@pytest.mark.parametrize("kind", [kind.plural for kind in REVIEWED])
async def test_every_kind_has_a_path_of_its_own(ask: Callable[..., Any], kind: str) -> None:
    assert (await ask(review_of({"bad": 1}, kind), kind))["allowed"] is False


def test_a_certificate_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match=r"CRONTASK_WEBHOOK_CERTIFICATE: .* put .* there"):
        Admission(judge, "127.0.0.1:9443", str(tmp_path))
