"""The annotation that keeps what a client wrote and a CronTask has no home for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crontask_gateway.documents import ANNOTATION_DOCUMENT, MAX_DOCUMENT, read, write
from crontask_gateway.errors import TooLarge

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, max_size=6))
def test_a_document_comes_back_as_it_was(document: dict[str, object]) -> None:
    assert read({"annotations": write(document)}) == document


def test_types_order_and_great_numbers_stay() -> None:
    document = {"b": 2**70, "a": 1.0, "c": True, "d": "true", "e": None}
    back = read({"annotations": write(document)})
    assert [(name, type(value)) for name, value in back.items()] == [(n, type(v)) for n, v in document.items()]


def test_half_a_surrogate_pair_is_kept_as_an_escape() -> None:
    written = write({"name": "\ud800"})
    assert written[ANNOTATION_DOCUMENT] == '{"name":"\\ud800"}'
    assert read({"annotations": written}) == {"name": "\ud800"}


def test_nothing_is_written_of_nothing() -> None:
    assert write({}) == {}


def test_a_document_beyond_the_limit_is_refused_with_its_size() -> None:
    full = {"a": "x" * (MAX_DOCUMENT - len('{"a":""}'))}
    assert read({"annotations": write(full)}) == full
    with pytest.raises(TooLarge, match=f"take {MAX_DOCUMENT + 1} bytes; at most {MAX_DOCUMENT}"):
        write({"a": full["a"] + "x"})


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", "[" * 100_000])
def test_what_somebody_has_broken_is_as_if_it_were_not_there(text: str) -> None:
    assert read({"annotations": {ANNOTATION_DOCUMENT: text}}) == {}


@pytest.mark.parametrize("metadata", [{}, {"annotations": None}, {"annotations": {"other": "{}"}}])
def test_there_may_be_no_annotation(metadata: dict[str, object]) -> None:
    assert read(metadata) == {}
