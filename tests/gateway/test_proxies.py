"""Who is asking, behind proxies that are trusted and proxies that are not."""

from ipaddress import ip_network

import pytest

from crontask_gateway.proxies import client_of

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),  # anybody may write the header
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.66, 203.0.113.9", "203.0.113.9"),  # what stands before may be made up
        ("10.0.0.1", "203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.8, 10.0.0.7", "10.0.0.8"),
        ("10.0.0.1", "203.0.113.9, nonsense, 10.0.0.7", "10.0.0.7"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("fd00::1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("", "203.0.113.9", ""),
    ],
)
def test_the_client(peer: str, forwarded: str, client: str) -> None:
    assert client_of({"x-forwarded-for": forwarded}, peer, TRUSTED)[0] == client


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "gopher", None),
        ("10.0.0.1", "", None),
        ("192.0.2.1", "https", None),
    ],
)
def test_the_scheme(peer: str, proto: str, scheme: str | None) -> None:
    assert client_of({"x-forwarded-proto": proto}, peer, TRUSTED)[1] == scheme


def test_nobody_is_trusted_unless_it_is_said() -> None:
    assert client_of({"x-forwarded-for": "1.2.3.4"}, "127.0.0.1", ()) == ("127.0.0.1", None)
