"""Names of jobs: readable where they can be, one for each id, and found again by the object's metadata."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crontask_gateway.errors import Invalid
from crontask_gateway.naming import MAX_ID, MAX_READABLE, Naming, Scope, naming_of

DKRON = Scope("team-a", "dkron")
IDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80),
    st.from_regex(r"\A(x-)?[0-9a-f]{1,24}\Z"),
    st.from_regex(r"\A[a-z0-9-]{1,70}\Z"),
)
SCOPES = st.builds(
    Scope, st.sampled_from(["one", "two"]), st.sampled_from(["dkron", "gua"]), st.sampled_from(["", "t"])
)


@pytest.mark.parametrize(
    ("ident", "name"),
    [
        ("nightly-report", "dkron-nightly-report"),
        ("0", "dkron-0"),
        ("a" * MAX_READABLE, "dkron-" + "a" * MAX_READABLE),
        ("x-0123456789abcdef012", "dkron-x-0123456789abcdef012"),  # a digit short of a hashed name
    ],
)
def test_a_label_is_readable(ident: str, name: str) -> None:
    assert Naming(DKRON, ident).name == name


@pytest.mark.parametrize(
    "ident",
    [
        "a_b",
        "-a",
        "a-",
        "Ab",
        "ä",
        "a.b",
        "a/b",
        " ",
        "a\n",
        "a" * (MAX_READABLE + 1),
        "x-0123456789abcdef0123",
        "x" * 4096,
    ],
)
def test_any_other_id_is_hashed(ident: str) -> None:
    assert re.fullmatch(r"dkron-x-[0-9a-f]{20}", Naming(DKRON, ident).name)


def test_a_hashed_name_never_changes() -> None:
    assert Naming(DKRON, "test_job").name == "dkron-x-" + "d3fbaf5336dbd41d3664"


@given(SCOPES, IDS, SCOPES, IDS)
def test_two_jobs_never_share_a_name(scope: Scope, ident: str, other_scope: Scope, other: str) -> None:
    one, two = Naming(scope, ident), Naming(other_scope, other)
    assert (one.key == two.key) == (one == two)


@given(SCOPES, IDS)
def test_the_hashed_name_of_one_is_not_the_readable_name_of_another(scope: Scope, ident: str) -> None:
    name = Naming(scope, ident).name
    taken = name.removeprefix(f"{scope.dialect}-")
    assert Naming(scope, taken).name != name or taken == ident


@given(SCOPES, IDS)
def test_a_job_is_known_by_its_metadata(scope: Scope, ident: str) -> None:
    naming = Naming(scope, ident)
    metadata = {
        "namespace": scope.namespace,
        "name": naming.name,
        "labels": naming.labels(),
        "annotations": naming.annotations(),
    }
    assert naming_of(metadata) == naming
    for value in naming.labels().values():
        assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", value)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("dkron-a", {}),
        ("dkron-a", {"crontask.dev/dialect": "dkron"}),
        ("dkron-a", {"crontask.dev/id": "a"}),
        ("else", {"crontask.dev/dialect": "dkron", "crontask.dev/id": "a"}),
        ("dkron-a", {"crontask.dev/dialect": "dkron", "crontask.dev/id": "b"}),
        ("dkron-a", {"crontask.dev/dialect": "dkron", "crontask.dev/tenant": "t", "crontask.dev/id": "a"}),
    ],
)
def test_what_bears_another_name_is_nobodys_job(name: str, labels: dict[str, str]) -> None:
    assert naming_of({"namespace": "n", "name": name, "labels": labels}) is None


@pytest.mark.parametrize("ident", ["a" * (MAX_ID + 1), "ä" * MAX_ID, "\ud800"])
def test_what_no_annotation_can_hold_is_refused(ident: str) -> None:
    with pytest.raises(Invalid) as refused:
        Naming(DKRON, ident)
    assert refused.value.path == "name"
