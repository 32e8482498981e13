"""Queries, targets and replies as values."""

import pytest

from crontask_gateway.http import Facts, Query, Reply


def test_a_query_keeps_order_repetitions_and_blanks() -> None:
    query = Query("b=1&a=&b=2&c&metadata%5Bk%5D=x+y%20z")
    assert query.items() == (("b", "1"), ("a", ""), ("b", "2"), ("c", ""), ("metadata[k]", "x y z"))
    assert (query.get("b"), query.getall("b"), query.get("a"), query.get("none")) == ("1", ["1", "2"], "", None)
    assert "c" in query
    assert "none" not in query
    assert list(query) == ["b", "a", "c", "metadata[k]"]


@pytest.mark.parametrize("text", ["%", "a=%zz", "a=%ff%fe", "&&&", "=", ";;=;", "a=%00"])
def test_any_text_is_a_query(text: str) -> None:
    assert len(Query(text)) <= 1


def test_nothing_of_values_and_credentials_is_printed() -> None:
    facts = Facts(
        "GET", "/x", query=Query("token=secret"), headers={"authorization": "Bearer secret"}, body=b'{"a":"secret"}'
    )
    assert "secret" not in f"{facts!r} {facts.query!r} {facts}"


@pytest.mark.parametrize(
    ("facts", "target"),
    [
        (Facts("GET", "/v1/jobs"), "/v1/jobs"),
        (Facts("GET", "/v1/jobs/ä", "/v1/jobs/%C3%A4"), "/v1/jobs/%C3%A4"),
        (Facts("GET", "/v1/jobs", query=Query("pretty&a=%20")), "/v1/jobs?pretty&a=%20"),
        (Facts("GET", "/v1", prefix="/dkron"), "/dkron/v1"),
    ],
)
def test_the_target_is_what_the_client_wrote(facts: Facts, target: str) -> None:
    assert facts.target == target


def test_headers_of_a_reply_are_found_whatever_their_case() -> None:
    reply = Reply(200, b"x", (("X-Whom", "gw"),)).having(("x-whom", "other"))
    assert reply.header("x-WHOM") == "gw"
    assert reply.header("location") is None
    assert reply.body == b"x"
