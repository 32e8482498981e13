"""Notes on the API server: two replicas count together, and what a broken or a large note means."""

import asyncio
from typing import Any

import pytest
from fakes.apiserver import FakeApiServer
from fakes.stages import LEASES_IN

from crontask_gateway.errors import Conflict, TooLarge
from crontask_gateway.leases import SELECTOR
from crontask_gateway.naming import Scope
from crontask_gateway.notes import ANNOTATION_NOTE, MAX_TRIES, NOTE_LEASE, Notes
from crontask_kube.client import ApiClient
from crontask_kube.resources import LEASES

SCOPE = Scope("default", "cronjob-org", "acme")


def count(was: dict[str, Any]) -> dict[str, Any]:
    return {"n": was.get("n", 0) + 1}


async def test_two_replicas_never_count_the_same(client: ApiClient) -> None:
    first, second = Notes(client, LEASES_IN), Notes(client, LEASES_IN)
    made = await asyncio.gather(*(each.change(SCOPE, "ids", count) for each in (first, second) * 6))
    assert sorted(each["n"] for each in made) == list(range(1, 13))
    assert await first.read(SCOPE, "ids") == await second.read(SCOPE, "ids") == {"n": 12}


async def test_a_note_is_no_replicas_lease_and_says_whose_it_is(server: FakeApiServer, client: ApiClient) -> None:
    await Notes(client, LEASES_IN).change(SCOPE, "folders", lambda was: {"a": 1})
    (lease,) = server.all(LEASES)
    assert lease["metadata"]["name"].startswith(f"{NOTE_LEASE}cronjob-org-folders-")
    assert lease["metadata"]["annotations"]["crontask.dev/note-of"] == "default/cronjob-org/acme/folders"
    assert (await client.list(LEASES, LEASES_IN, label_selector=SELECTOR)).items == []


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
async def test_what_cannot_be_read_is_nothing_and_is_written_over(
    text: str, server: FakeApiServer, client: ApiClient
) -> None:
    notes = Notes(client, LEASES_IN)
    await notes.change(SCOPE, "n", lambda was: {"a": 1})
    (lease,) = server.all(LEASES)
    server.edit(LEASES, lease["metadata"]["name"], {"metadata": {"annotations": {ANNOTATION_NOTE: text}}}, LEASES_IN)
    assert await notes.read(SCOPE, "n") == {}
    assert await notes.change(SCOPE, "n", count) == {"n": 1}


async def test_one_that_grows_too_large_stays_as_it_was(client: ApiClient) -> None:
    notes = Notes(client, LEASES_IN)
    await notes.change(SCOPE, "folders", count)
    with pytest.raises(TooLarge, match=r"the folders take .* so delete some"):
        await notes.change(SCOPE, "folders", lambda was: {"x": "ü" * 100_000})
    assert await notes.read(SCOPE, "folders") == {"n": 1}


async def test_one_that_changes_each_time_is_given_up(server: FakeApiServer, client: ApiClient) -> None:
    notes = Notes(client, LEASES_IN)
    await notes.change(SCOPE, "n", count)
    (lease,) = server.all(LEASES)
    asked = 0

    def interfered(was: dict[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        marks = {"annotations": {"other": str(asked)}}
        server.edit(LEASES, lease["metadata"]["name"], {"metadata": marks}, LEASES_IN)
        return count(was)

    with pytest.raises(Conflict, match="changes faster than it can be written"):
        await notes.change(SCOPE, "n", interfered)
    assert asked == MAX_TRIES
    assert await notes.read(SCOPE, "n") == {"n": 1}
