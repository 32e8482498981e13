"""Who is let in, by which of the three ways of showing a token."""

from base64 import b64encode
from datetime import UTC, datetime

import pytest

from crontask_gateway.dialects.dkron.auth import check
from crontask_gateway.errors import Unauthorised
from crontask_gateway.http import Facts
from crontask_gateway.principal import Access, Credential, Principal

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ANA = Principal("ana", "t", "default")
CLOSED = Access("default", (Credential(ANA, "s3crét".encode()),))
MIXED = Access("default", CLOSED.credentials, open=True)
OPEN = Access("default", open=True)


def basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


def ask(access: Access, **headers: str) -> Principal:
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return check(Facts("GET", "/v1/jobs", headers=shown), access, NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer s3crét".encode().decode("latin-1")},
        {"authorization": "bearer  s3crét ".encode().decode("latin-1")},
        {"x_dkron_token": "s3crét".encode().decode("latin-1")},
        {"authorization": basic("anybody:s3crét")},
        {"authorization": basic(":s3crét")},
    ],
    ids=["bearer", "bearer with blanks", "header", "basic", "basic without a name"],
)
def test_a_known_token_is_its_principal(headers: dict[str, str]) -> None:
    assert ask(CLOSED, **headers) == ANA


@pytest.mark.parametrize("access", [CLOSED, MIXED], ids=["closed", "open"])
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer other"},
        {"authorization": "Bearer "},
        {"authorization": "Basic %%%"},
        {"authorization": basic("s3crét")},
        {"authorization": "Digest x"},
        {"x_dkron_token": "other"},
    ],
    ids=str,
)
def test_a_wrong_token_is_nobody_where_tokens_are_known(headers: dict[str, str], access: Access) -> None:
    with pytest.raises(Unauthorised):
        ask(access, **headers)


def test_without_a_token_only_an_open_mount_lets_in() -> None:
    assert ask(MIXED) == ask(OPEN) == Principal("", "", "default")
    with pytest.raises(Unauthorised):
        ask(CLOSED)


def test_an_open_mount_that_knows_no_token_lets_a_proxy_s_credentials_pass() -> None:
    assert ask(OPEN, authorization=basic("proxy:user")) == Principal("", "", "default")
