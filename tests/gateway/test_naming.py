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
SCOPES = st.builds(Scope, st.sampled_from(["one", "two"]), st.sampled_from(["dkron", "gua"]), st.sampled_from(["", "t"]))


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("nightly-report", "dkron-nightly-report"),
        ("0", "dkron-0"),
        ("a" * MAX_READABLE, "dkron-" + "a" * MAX_READABLE),
        ("x-0123456789abcdef012", "dkron-x-0123456789abcdef012"),  # a digit short of a hashed name
    ],
)
def test_a_label_is_readable(id: str, name: str) -> None:
    assert Naming(DKRON, id).name == name


@pytest.mark.parametrize(
    "id",
    ["a_b", "-a", "a-", "Ab", "ä", "a.b", "a/b", " ", "a\n", "a" * (MAX_READABLE + 1), "x-0123456789abcdef0123", "x" * 4096],
)
def test_any_other_id_is_hashed(id: str) -> None:
    assert re.fullmatch(r"dkron-x-[0-9a-f]{20}", Naming(DKRON, id).name)


def test_a_hashed_name_never_changes() -> None:
    assert Naming(DKRON, "test_job").name == "dkron-x-" + "EXPECTED"


@given(SCOPES, IDS, SCOPES, IDS)
def test_two_jobs_never_share_a_name(scope: Scope, id: str, other_scope: Scope, other_id: str) -> None:
    one, other = Naming(scope, id), Naming(other_scope, other_id)
    assert (one.key == other.key) == (one == other)


@given(SCOPES, IDS)
def test_the_hashed_name_of_one_is_not_the_readable_name_of_another(scope: Scope, id: str) -> None:
    name = Naming(scope, id).name
    taken = name.removeprefix(f"{scope.dialect}-")
    assert Naming(scope, taken).name != name or taken == id


@given(SCOPES, IDS)
def test_a_job_is_known_by_its_metadata(scope: Scope, id: str) -> None:
    naming = Naming(scope, id)
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


@pytest.mark.parametrize("id", ["a" * (MAX_ID + 1), "ä" * MAX_ID, "\ud800"])
def test_what_no_annotation_can_hold_is_refused(id: str) -> None:
    with pytest.raises(Invalid) as refused:
        Naming(DKRON, id)
    assert refused.value.path == "name"
