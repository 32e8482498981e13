"""API keys: how they are made, what a Secret holds of them, and which Secrets are refused."""

from base64 import b64encode
from hashlib import sha256
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crontask_core.api_keys import (
    LABEL_API_KEY,
    RIGHTS,
    SECRET_TYPE,
    digest_of,
    key_text,
    made,
    read_secret,
    secret_body,
)
from crontask_core.errors import FieldError

KEY = key_text(bytes(range(32)))
DIGEST = digest_of(KEY)


def body(**data: str) -> dict[str, Any]:
    encoded = {name: b64encode(text.encode()).decode() for name, text in ({"hash": DIGEST} | data).items()}
    meta = {"name": "ci", "namespace": "crontask-system", "labels": {LABEL_API_KEY: "cronjob-org"}}
    return {"type": SECRET_TYPE, "metadata": meta, "data": encoded}


def test_a_key_is_44_characters_and_its_hash_is_what_sha256sum_says() -> None:
    assert (len(KEY), KEY) == (44, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    assert digest_of(KEY) == digest_of(KEY.encode()) == sha256(KEY.encode()).hexdigest()


def test_a_secret_with_a_hash_alone_opens_everything_from_anywhere() -> None:
    found = read_secret(body())
    assert (found.name, found.dialect, found.owner, found.addresses) == ("ci", "cronjob-org", "", ())
    assert (found.per_day, found.rights, found.enabled) == (None, frozenset(RIGHTS), True)


def test_what_stands_in_it_is_read_with_blanks_around() -> None:
    told = {"addresses": " 192.0.2.7, 2001:db8::/32 ", "perDay": "5\n", "rights": "read, run", "enabled": "false\n"}
    found = read_secret(body(owner="shop", **told))
    assert found.addresses == (ip_network("192.0.2.7"), ip_network("2001:db8::/32"))
    assert (found.owner, found.per_day, found.rights, found.enabled) == ("shop", 5, {"read", "run"}, False)
    assert DIGEST not in repr(found)


@pytest.mark.parametrize(
    ("data", "objection"),
    [
        ({"hash": "x"}, 'hash: "…" is no SHA-256; write 64'),
        ({"hash": ""}, "is no SHA-256"),
        ({"hash": DIGEST.upper()}, "is no SHA-256"),
        ({"owner": "a b"}, 'owner: "a b" cannot be a label'),
        ({"owner": "x" * 64}, "cannot be a label"),
        ({"addresses": "192.0.2.7,nowhere"}, 'addresses: "nowhere" is no address; write'),
        ({"addresses": "192.0.2.7/24"}, "is no address"),
        ({"addresses": ",".join(f"10.0.0.{n}" for n in range(101))}, "are too many"),
        ({"perDay": "-1"}, 'perDay: "-1" is no number of requests'),
        ({"perDay": "many"}, "is no number of requests"),
        ({"perDay": "10000001"}, "is no number of requests"),
        ({"perDay": "٣"}, "is no number of requests"),
        ({"rights": "read,own"}, 'rights: "own" is no right; use some of read, write, run'),
        ({"adresses": "192.0.2.7"}, 'data.adresses: "…" is no field of a key; use some of hash, owner, addresses'),
        ({"enabled": "k" * 44}, 'enabled: "…" is neither'),
        ({"enabled": "yes"}, 'enabled: "yes" is neither true nor false'),
    ],
)
def test_what_cannot_be_read_is_told_without_the_hash(data: dict[str, str], objection: str) -> None:
    with pytest.raises(FieldError) as refused:
        read_secret(body(**data))
    assert objection in str(refused.value)
    assert DIGEST not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        ({"type": "Opaque"}, 'type: "Opaque" is no API key\'s'),
        ({"metadata": {"name": "ci"}}, "is no dialect's name"),
        ({"metadata": {"name": "ci", "labels": {LABEL_API_KEY: "A B"}}}, "is no dialect's name"),
        ({"data": {"hash": "%%%"}}, 'data.hash: "…" is no base64'),
        ({"data": {"hash": b64encode(b"\xff").decode()}}, "is no base64 of a text"),
        ({"data": None}, "is no SHA-256"),
    ],
)
def test_other_secrets_are_none(change: dict[str, Any], objection: str) -> None:
    with pytest.raises(FieldError, match=r".*") as refused:
        read_secret(body() | change)
    assert objection in str(refused.value)


ADDRESSES = st.lists(st.ip_addresses().map(str), max_size=4).map(tuple)


@given(
    st.sampled_from(["", "shop", "A.b_c-9"]),
    ADDRESSES,
    st.one_of(st.just(""), st.integers(0, 10**7).map(str)),
    st.sets(st.sampled_from(RIGHTS)).map(tuple),
    st.sampled_from(["true", "false"]),
)
def test_a_secret_reads_back_as_it_was_made(
    owner: str, addresses: tuple[str, ...], per_day: str, rights: tuple[str, ...], enabled: str
) -> None:
    key = made("ci", "dkron", DIGEST, owner=owner, addresses=addresses, per_day=per_day, rights=rights, enabled=enabled)
    written = secret_body(key, "somewhere")
    assert read_secret(written) == key
    assert (written["metadata"]["namespace"], written["type"]) == ("somewhere", SECRET_TYPE)
