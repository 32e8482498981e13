"""Credentials and rights."""

import pytest

from crontask_gateway.errors import Forbidden
from crontask_gateway.principal import Access, Credential, Principal

READER = Principal("reader", "", "team-a", frozenset({"read"}))
WRITER = Principal("writer", "t", "team-b")
ACCESS = Access("team-a", (Credential(READER, b"one"), Credential(WRITER, b"two")))


@pytest.mark.parametrize(
    ("given", "found"), [("one", READER), (b"two", WRITER), ("", None), ("on", None), ("one ", None), ("\ud800é", None)]
)
def test_a_token_tells_whose_it_is(given: str | bytes, found: Principal | None) -> None:
    assert ACCESS.find(given) == found


def test_a_right_that_is_missing_is_named() -> None:
    READER.require("read")
    with pytest.raises(Forbidden, match='"reader" lacks the right to write'):
        READER.require("write")
    WRITER.require("run")


def test_an_open_mount_lets_everybody_do_everything_in_its_namespace() -> None:
    assert Access("team-a", open=True).everybody() == Principal("", "", "team-a")


def test_no_token_is_printed() -> None:
    assert "one" not in repr(ACCESS).replace("None", "")
