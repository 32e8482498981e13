"""What tests rely on in the fake API server and in the guard around every test."""

import socket

import pytest
from fakes.apiserver import FakeApiServer
from fakes.objects import RefusedError, matches

from crontask_kube.client import ApiClient
from crontask_kube.errors import NotFound
from crontask_kube.resources import EXECUTIONS, PODS, TASKS


def test_only_loopback_can_be_reached() -> None:
    with socket.socket() as outside, pytest.raises(AssertionError, match="only loopback"):
        outside.connect(("192.0.2.1", 80))


@pytest.mark.parametrize(
    ("labels", "fields", "chosen"),
    [
        ("", "", True),
        ("a=1", "", True),
        ("a==1,b!=3", "", True),
        ("a!=1", "", False),
        ("a in (0,1),b", "", True),
        ("a notin (0,1)", "", False),
        ("!c,b in (2)", "", True),
        ("c", "", False),
        ("", "status.phase=Running,metadata.name!=q", True),
        ("", "status.phase!=Running", False),
    ],
)
def test_selectors(labels: str, fields: str, chosen: bool) -> None:
    item = {"metadata": {"name": "p", "labels": {"a": "1", "b": "2"}}, "status": {"phase": "Running"}}
    assert matches(item, labels, fields) is chosen


async def test_what_a_deleted_object_owned_goes_too(client: ApiClient, server: FakeApiServer) -> None:
    task = server.put(TASKS, {"metadata": {"name": "t"}})
    owned = {"metadata": {"name": "x", "ownerReferences": [{"uid": task["metadata"]["uid"]}]}}
    execution = server.put(EXECUTIONS, owned)
    server.put(PODS, {"metadata": {"name": "p", "ownerReferences": [{"uid": execution["metadata"]["uid"]}]}})
    await client.delete(TASKS, "default", "t", propagation="Orphan")
    assert len(server.all(PODS)) == 1
    await client.delete(EXECUTIONS, "default", "x")
    assert server.all(PODS) == []


async def test_a_finalizer_keeps_a_deleted_object_until_it_is_taken_off(
    client: ApiClient, server: FakeApiServer
) -> None:
    server.put(TASKS, {"metadata": {"name": "t", "finalizers": ["f"]}})
    await client.delete(TASKS, "default", "t")
    assert "deletionTimestamp" in server.object(TASKS, "t")["metadata"]
    await client.patch(TASKS, "default", "t", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFound):
        await client.get(TASKS, "default", "t")


async def test_generation_counts_changes_of_the_spec_only(client: ApiClient, server: FakeApiServer) -> None:
    server.put(TASKS, {"metadata": {"name": "t"}, "spec": {"x": 1}})
    patched = await client.patch(TASKS, "default", "t", {"spec": {"x": 2}})
    labelled = await client.patch(TASKS, "default", "t", {"metadata": {"labels": {"a": "b"}}})
    assert (patched["metadata"]["generation"], labelled["metadata"]["generation"]) == (2, 2)


async def test_a_change_that_changes_nothing_makes_no_version(client: ApiClient, server: FakeApiServer) -> None:
    made = server.put(TASKS, {"metadata": {"name": "t"}, "spec": {"x": 1}})
    assert await client.patch(TASKS, "default", "t", {"spec": {"x": 1}}) == made


def test_an_edit_of_what_is_not_there_is_refused(server: FakeApiServer) -> None:
    with pytest.raises(RefusedError, match="not found"):
        server.edit(TASKS, "t", {})
