"""Who may take a Lease and what its record says: decisions without a server."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from crontask_core.errors import FieldError
from crontask_core.lease import (
    LeaseRecord,
    Sighting,
    first_body,
    may_take,
    patience,
    release_patch,
    renew_patch,
    shows,
    still_ours,
    take_patch,
    written,
)
from crontask_core.names import ANNOTATION_CLAIMED_THROUGH, ANNOTATION_FINISHING

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(microseconds=1)


def lease(claim: str | None = None, **spec: Any) -> dict[str, Any]:
    """A Lease as the API server gives it."""
    annotations = {} if claim is None else {ANNOTATION_CLAIMED_THROUGH: claim}
    return {"metadata": {"resourceVersion": "7", "annotations": annotations}, "spec": spec}


def record(**spec: Any) -> LeaseRecord:
    return LeaseRecord.from_body(lease(**spec))


def after(body: dict[str, Any], patch: dict[str, Any]) -> LeaseRecord:
    """The record once a patch has been merged into a Lease."""
    annotations = body["metadata"]["annotations"] | patch["metadata"].get("annotations", {})
    return LeaseRecord.from_body(
        {
            "metadata": {"resourceVersion": "8", "annotations": annotations},
            "spec": body["spec"] | patch["spec"],
        }
    )


HELD = {"holderIdentity": "a", "leaseDurationSeconds": 3, "leaseTransitions": 2, "renewTime": "t1"}


@pytest.mark.parametrize(
    ("spec", "waited", "free"),
    [
        ({}, 0.0, True),
        ({"holderIdentity": ""}, 0.0, True),
        (HELD, 0.0, False),
        (HELD, 2.999, False),
        (HELD, 3.0, True),
        (HELD | {"leaseDurationSeconds": 15}, 14.9, False),
        (HELD | {"leaseDurationSeconds": 15}, 15.0, True),
        ({"holderIdentity": "a"}, 2.9, False),
        ({"holderIdentity": "a"}, 3.0, True),
        (HELD | {"leaseDurationSeconds": 1}, 2.9, False),
    ],
)
def test_who_may_take_a_lease(spec: dict[str, Any], waited: float, free: bool) -> None:
    assert may_take(Sighting(record(**spec), since=100.0), 100.0 + waited, least_seconds=3.0) is free


@pytest.mark.parametrize(
    ("sign", "alive"),
    [
        ({}, False),
        ({"acquireTime": "t2"}, False),
        ({"renewTime": "t2"}, True),
        ({"holderIdentity": "b"}, True),
        ({"leaseTransitions": 3}, True),
    ],
)
def test_what_counts_as_a_sign_of_life(sign: dict[str, Any], alive: bool) -> None:
    followed = Sighting(record(**HELD), since=100.0).followed_by(record(**HELD | sign), 105.0)
    assert followed.since == (105.0 if alive else 100.0)
    assert followed.record == record(**HELD | sign)


@pytest.mark.parametrize(
    ("claim", "instant"),
    [
        (None, None),
        ("", None),
        ("2026-03-01T12:00:00.000001Z", LATER),
        ("2026-03-01T13:00:00.000001+01:00", LATER),
    ],
)
def test_claims_that_can_be_read(claim: str | None, instant: datetime | None) -> None:
    assert LeaseRecord.from_body(lease(claim)).claimed_through == instant


@pytest.mark.parametrize("claim", ["soon", "2026-03-01T12:00:00", "1772366400"])
def test_claims_that_cannot_be_read_are_refused_but_by_who_knows_better(claim: str) -> None:
    with pytest.raises(FieldError, match="is no instant"):
        LeaseRecord.from_body(lease(claim))
    assert LeaseRecord.from_body(lease(claim), known_claim=NOON).claimed_through == NOON


def test_a_known_claim_and_a_written_one_count_for_the_later() -> None:
    assert LeaseRecord.from_body(lease(written(LATER)), known_claim=NOON).claimed_through == LATER
    assert LeaseRecord.from_body(lease(written(NOON)), known_claim=LATER).claimed_through == LATER


def test_an_object_without_a_spec_is_a_free_lease() -> None:
    found = LeaseRecord.from_body({"metadata": {"resourceVersion": "7"}})
    assert (found.holder, found.transitions, found.duration_seconds) == ("", 0, 0)


def test_instants_are_written_in_utc_with_six_decimals() -> None:
    assert written(datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))) == "2026-03-01T12:00:00.000000Z"


def test_a_fraction_of_a_second_is_written_as_a_whole_one() -> None:
    assert first_body("shard", "a", NOON, 2.5, None)["spec"]["leaseDurationSeconds"] == 3


def test_taking_counts_the_change_and_leaves_the_claim() -> None:
    patch = take_patch(record(**HELD), "b", NOON, 3.0)
    assert patch["metadata"] == {
        "resourceVersion": "7",
        "labels": {"crontask.dev/lease": "shard"},
        "annotations": {"crontask.dev/shards": "1"},
    }
    assert (patch["spec"]["holderIdentity"], patch["spec"]["leaseTransitions"]) == ("b", 3)


@pytest.mark.parametrize(
    ("claim", "through", "expected"),
    [(None, None, None), (None, NOON, NOON), (LATER, NOON, LATER), (NOON, LATER, LATER), (NOON, None, NOON)],
)
def test_a_claim_never_goes_back(claim: datetime | None, through: datetime | None, expected: datetime | None) -> None:
    held = LeaseRecord.from_body(lease(claim and written(claim), **HELD))
    annotations = renew_patch(held, NOON, through)["metadata"].get("annotations", {})
    assert annotations == ({ANNOTATION_CLAIMED_THROUGH: written(expected)} if expected else {})


@pytest.mark.parametrize("through", [None, NOON])
def test_a_write_that_landed_shows(through: datetime | None) -> None:
    body = lease(**HELD)
    for patch in (
        renew_patch(record(**HELD), NOON, through),
        take_patch(record(**HELD), "b", NOON, 3.0),
        release_patch(record(**HELD), NOON),
    ):
        assert shows(after(body, patch), patch)
        assert not shows(record(**HELD), patch)


def test_a_claim_of_which_only_the_sign_of_life_is_there_has_not_landed() -> None:
    patch = renew_patch(record(**HELD), NOON, LATER)
    assert not shows(record(**HELD | {"renewTime": written(NOON)}), patch)


def test_a_lease_is_ours_until_holder_or_count_change() -> None:
    held = record(**HELD)
    assert still_ours(held, record(**HELD | {"renewTime": "t2"}))
    assert not still_ours(held, record(**HELD | {"holderIdentity": "b"}))
    assert not still_ours(held, record(**HELD | {"leaseTransitions": 3}))


@pytest.mark.parametrize(
    ("losses", "waits"),
    [
        ([], 2.0),
        ([990.0], 2.0),
        ([980.0, 990.0], 4.0),
        ([970.0, 980.0, 990.0], 8.0),
        ([960.0, 970.0, 980.0, 990.0], 16.0),
        ([950.0, 960.0, 970.0, 980.0, 990.0], 16.0),
        ([900.0, 930.0, 990.0], 2.0),
        ([100.0, 200.0, 300.0], 2.0),
    ],
)
def test_who_has_lost_the_shard_of_late_is_in_less_of_a_hurry(losses: list[float], waits: float) -> None:
    assert patience(2.0, losses, 1000.0) == waits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("25 a", 25.0), ("25", 25.0), ("99999 a", 900.0), ("", 0.0), ("soon a", 0.0), ("-1 a", 0.0), ("² a", 0.0)],
)
def test_for_how_long_the_holder_before_ends_its_calls(text: str, seconds: float) -> None:
    body = lease(**HELD)
    body["metadata"]["annotations"][ANNOTATION_FINISHING] = text
    assert LeaseRecord.from_body(body).finishing_seconds == seconds


def test_a_release_tells_for_how_long_calls_still_end_and_the_successor_takes_it_back() -> None:
    body = lease(**HELD)
    released = after(body, release_patch(record(**HELD), NOON, 24.2))
    assert (released.holder, released.finishing_seconds) == ("", 25.0)
    assert renew_patch(released, NOON, None)["metadata"].get("annotations") is None
    assert renew_patch(released, NOON, None, all_finished=True)["metadata"]["annotations"] == {
        ANNOTATION_FINISHING: None
    }
    assert after(body, release_patch(released, NOON)).finishing_seconds == 0.0
