"""Which addresses an HTTP action may reach, one row per sentence."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import pytest

from crontask_core.egress import EgressPolicy

API = ip_address("10.96.0.1")
DEFAULT = EgressPolicy.standard(api_servers=[API, ip_address("fd00:1::1")])


def policy(allow: str = "", deny: str = "") -> EgressPolicy:
    def read(text: str) -> list[IPv4Network | IPv6Network]:
        return [ip_network(part) for part in text.split()]

    return EgressPolicy.standard(allow=read(allow), deny=read(deny), api_servers=[API])


@pytest.mark.parametrize(
    "address",
    [
        "93.184.215.14",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        "10.0.0.7",
        "10.96.0.10",
        "172.16.3.4",
        "192.168.1.1",
        "100.64.0.1",
        "fd12:3456::1",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "223.255.255.255",
        "1.0.0.0",
        "::ffff:93.184.215.14",
        "64:ff9b::8.8.8.8",
        "2002:0808:0808::1",
    ],
)
def test_public_and_private_addresses_are_permitted(address: str) -> None:
    assert DEFAULT.verdict(address) is None
    assert DEFAULT.verdict(ip_address(address)) is None


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("127.0.0.1", "loopback (127.0.0.0/8)"),
        ("127.255.255.255", "loopback"),
        ("::1", "loopback (::1/128)"),
        ("0.0.0.0", "the unspecified network"),
        ("0.1.2.3", "the unspecified network"),
        ("::", "the unspecified network"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("febf:ffff::1", "link-local"),
        ("fec0::1", "link-local"),
        ("169.254.169.254", "a cloud's metadata service"),
        ("fd00:ec2::254", "a cloud's metadata service"),
        ("fd20:ce::254", "a cloud's metadata service"),
        ("100.100.100.200", "a cloud's metadata service"),
        ("168.63.129.16", "a cloud's metadata service"),
        ("192.0.0.192", "a cloud's metadata service"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "broadcast or reserved"),
        ("240.0.0.1", "broadcast or reserved"),
        ("100::1", "broadcast or reserved"),
        ("10.96.0.1", "the Kubernetes API server (10.96.0.1/32)"),
        ("fd00:1::1", "the Kubernetes API server"),
        # An IPv4 address inside an IPv6 one is what counts.
        ("::ffff:127.0.0.1", "which leads to 127.0.0.1"),
        ("::ffff:a9fe:a9fe", "which leads to 169.254.169.254"),
        ("::ffff:10.96.0.1", "the Kubernetes API server"),
        ("64:ff9b::127.0.0.1", "which leads to 127.0.0.1"),
        ("64:ff9b::a9fe:a9fe", "a cloud's metadata service"),
        ("2002:7f00:1::", "which leads to 127.0.0.1"),
        ("2002:a9fe:a9fe::1", "a cloud's metadata service"),
        # Teredo: the server stands in clear, the client is inverted (127.0.0.1 -> 80ff:fffe).
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", "which leads to 127.0.0.1"),
        ("2001:0:7f00:1:8000:63bf:3fff:fdd2", "which leads to 127.0.0.1"),
        ("::127.0.0.1", "an embedded IPv4 address"),
        ("64:ff9b:1::7f00:1", "an embedded IPv4 address"),
    ],
)
def test_denied_by_default_with_name_and_remedy(address: str, named: str) -> None:
    sentence = DEFAULT.verdict(address)
    assert sentence is not None
    assert named in sentence
    assert str(ip_address(address)) in sentence
    assert "CRONTASK_EGRESS_ALLOW" in sentence


@pytest.mark.parametrize(
    ("allow", "deny", "address", "permitted"),
    [
        # allow beats a built-in denial of the same or a shorter prefix ...
        ("127.0.0.0/8", "", "127.0.0.1", True),
        ("127.0.0.1/32", "", "127.0.0.1", True),
        ("127.0.0.1/32", "", "127.0.0.2", False),
        ("169.254.169.254/32", "", "169.254.169.254", True),
        ("10.96.0.1/32", "", "10.96.0.1", True),
        # ... but a wide one opens nothing that is denied more narrowly.
        ("0.0.0.0/0", "", "127.0.0.1", False),
        ("0.0.0.0/0", "", "169.254.169.254", False),
        ("0.0.0.0/0", "", "8.8.8.8", True),
        ("::/0", "", "::1", False),
        ("169.254.0.0/16", "", "169.254.169.254", False),
        ("169.254.0.0/16", "", "169.254.1.1", True),
        ("10.0.0.0/8", "", "10.96.0.1", False),
        # deny adds to the built-in denials, and wins over an equal allow.
        ("", "10.0.0.0/8", "10.1.2.3", False),
        ("", "10.0.0.0/8", "11.1.2.3", True),
        ("10.0.0.0/8", "10.0.0.0/8", "10.1.2.3", False),
        ("127.0.0.0/8", "127.0.0.0/8", "127.0.0.1", False),
        # The longest prefix decides between allow and deny.
        ("10.1.0.0/16", "10.0.0.0/8", "10.1.2.3", True),
        ("10.1.0.0/16", "10.0.0.0/8", "10.2.2.3", False),
        ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", False),
        # A closed list.
        ("203.0.113.0/24", "0.0.0.0/0 ::/0", "203.0.113.9", True),
        ("203.0.113.0/24", "0.0.0.0/0 ::/0", "8.8.8.8", False),
        ("203.0.113.0/24", "0.0.0.0/0 ::/0", "2606::1", False),
        ("203.0.113.0/24", "0.0.0.0/0", "::ffff:203.0.113.9", True),
        ("203.0.113.0/24", "0.0.0.0/0", "::ffff:8.8.8.8", False),
        # Allowing the wrapping does not allow what is wrapped.
        ("64:ff9b::/96", "", "64:ff9b::127.0.0.1", False),
        ("::ffff:127.0.0.1/128", "", "::ffff:127.0.0.1", False),
        ("127.0.0.0/8", "", "::ffff:127.0.0.1", True),
        ("", "64:ff9b::/96", "64:ff9b::8.8.8.8", False),
    ],
)
def test_longest_prefix_decides(allow: str, deny: str, address: str, permitted: bool) -> None:
    assert (policy(allow, deny).verdict(address) is None) is permitted


def test_a_denial_of_the_installation_names_its_own_setting() -> None:
    sentence = policy(deny="10.0.0.0/8").verdict("10.1.2.3")
    assert (
        sentence
        == "10.1.2.3 is in 10.0.0.0/8, which CRONTASK_EGRESS_DENY denies; take it out there if it may be reached"
    )


def test_order_of_the_lists_does_not_matter() -> None:
    one, other = policy(allow="10.1.0.0/16 10.1.2.0/24"), policy(allow="10.1.2.0/24 10.1.0.0/16")
    assert one == other


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "2130706433", "0x7f.1", "1.2.3.4/32", "[::1]"])
def test_a_text_that_is_no_address_is_never_judged(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        DEFAULT.verdict(text)
