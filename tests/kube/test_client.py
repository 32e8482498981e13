"""The client's contract with an API server: verbs, errors, paging, watches, logs."""

import asyncio
from contextlib import aclosing
from typing import Any

import orjson
import pytest
from fakes.apiserver import FakeApiServer

from crontask_kube.client import ApiClient
from crontask_kube.errors import (
    AlreadyExists,
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NotFound,
    Unauthorized,
    Unavailable,
)
from crontask_kube.resources import EXECUTIONS, LEASES, NODES, PODS, SECRETS, SERVICE_ACCOUNTS, TASKS


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"containers": []}}


async def test_a_created_object_can_be_read(client: ApiClient, server: FakeApiServer) -> None:
    made = await client.create(PODS, "a", pod("p"))
    assert await client.get(PODS, "a", "p") == made == server.object(PODS, "p", "a")


async def test_bytes_are_sent_as_they_are(client: ApiClient, server: FakeApiServer) -> None:
    await client.create(PODS, "a", orjson.dumps(pod("p")))
    assert server.object(PODS, "p", "a")["spec"] == {"containers": []}


async def test_a_dry_run_leaves_nothing(client: ApiClient, server: FakeApiServer) -> None:
    assert (await client.create(PODS, "a", pod("p"), dry_run=True))["metadata"]["name"] == "p"
    assert server.all(PODS) == []


async def test_cluster_wide_kinds_have_no_namespace(client: ApiClient) -> None:
    await client.create(NODES, None, {"metadata": {"name": "n"}})
    assert "namespace" not in (await client.get(NODES, None, "n"))["metadata"]


async def test_merge_patch_changes_only_what_it_names(client: ApiClient, server: FakeApiServer) -> None:
    server.put(TASKS, {"metadata": {"name": "t", "labels": {"a": "1", "b": "2"}}, "spec": {"x": 1}})
    patched = await client.patch(TASKS, "default", "t", {"metadata": {"labels": {"b": None}}})
    assert patched["metadata"]["labels"] == {"a": "1"}
    assert patched["spec"] == {"x": 1}


async def test_status_and_the_rest_are_written_apart(client: ApiClient, server: FakeApiServer) -> None:
    server.put(TASKS, {"metadata": {"name": "t"}, "spec": {"x": 1}})
    body = {"spec": {"x": 2}, "status": {"y": 3}}
    assert (await client.patch(TASKS, "default", "t", body, subresource="status"))["spec"] == {"x": 1}
    written = await client.patch(TASKS, "default", "t", {"spec": {"x": 2}, "status": {"y": 4}})
    assert (written["spec"], written["status"]) == ({"x": 2}, {"y": 3})


async def test_a_version_in_a_patch_is_a_precondition(client: ApiClient, server: FakeApiServer) -> None:
    old = server.put(TASKS, {"metadata": {"name": "t"}, "spec": {}})["metadata"]["resourceVersion"]
    server.edit(TASKS, "t", {"spec": {"x": 1}})
    with pytest.raises(Conflict):
        await client.patch(TASKS, "default", "t", {"metadata": {"resourceVersion": old}, "spec": {"x": 2}})
    assert server.object(TASKS, "t")["spec"] == {"x": 1}


async def test_replace_writes_the_whole_object(client: ApiClient, server: FakeApiServer) -> None:
    found = server.put(TASKS, {"metadata": {"name": "t"}, "spec": {"x": 1}})
    assert (await client.replace(TASKS, "default", "t", found | {"spec": {"y": 2}}))["spec"] == {"y": 2}


async def test_apply_creates_and_changes_under_our_field_manager(client: ApiClient, server: FakeApiServer) -> None:
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"x": 1}}
    await client.apply(PODS, "a", "p", body)
    assert (await client.apply(PODS, "a", "p", body | {"spec": {"y": 2}}))["spec"] == {"x": 1, "y": 2}
    assert server.seen("apply", PODS)[0].query == {"fieldManager": "crontask-operator", "force": "true"}


async def test_deleting_what_is_gone_is_success(client: ApiClient, server: FakeApiServer) -> None:
    server.put(PODS, pod("p"))
    await client.delete(PODS, "default", "p", grace_seconds=0)
    await client.delete(PODS, "default", "p")
    assert server.all(PODS) == []
    options = server.seen("delete", PODS)[0].body
    assert options == {"propagationPolicy": "Background", "gracePeriodSeconds": 0}


async def test_delete_with_uid_spares_a_successor_of_the_name(client: ApiClient, server: FakeApiServer) -> None:
    server.put(PODS, pod("p"))
    with pytest.raises(Conflict):
        await client.delete(PODS, "default", "p", uid="the one before")
    assert len(server.all(PODS)) == 1


async def test_delete_with_version_spares_what_was_changed(client: ApiClient, server: FakeApiServer) -> None:
    version = server.put(PODS, pod("p"))["metadata"]["resourceVersion"]
    server.edit(PODS, "p", {"metadata": {"labels": {"a": "b"}}})
    with pytest.raises(Conflict):
        await client.delete(PODS, "default", "p", resource_version=version)
    assert len(server.all(PODS)) == 1


async def test_a_token_of_a_service_account(client: ApiClient, server: FakeApiServer) -> None:
    with pytest.raises(NotFound):
        await client.token("default", "caller", audience="a", seconds=600)
    server.put(SERVICE_ACCOUNTS, {"metadata": {"name": "caller"}})
    assert await client.token("default", "caller", audience="a", seconds=600) == "default.caller.a.2"


async def test_delete_collection_takes_what_the_selector_matches(client: ApiClient, server: FakeApiServer) -> None:
    for name, task in (("p", "a"), ("q", "b"), ("r", "c")):
        server.put(PODS, pod(name, task=task))
    server.put(PODS, pod("elsewhere", task="a"), namespace="other")
    await client.delete_collection(PODS, "default", label_selector="task in (a,c)")
    assert sorted(item["metadata"]["name"] for item in server.all(PODS)) == ["elsewhere", "q"]


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (400, "BadRequest", BadRequest),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (405, "MethodNotAllowed", BadRequest),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (410, "Expired", Gone),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", Unavailable),
        (500, "InternalError", Unavailable),
        (504, "Timeout", Unavailable),
    ],
)
async def test_each_status_has_its_error(
    client: ApiClient, server: FakeApiServer, status: int, reason: str, error: type[KubeError]
) -> None:
    server.fail("get", PODS, status=status, reason=reason, times=100)
    with pytest.raises(KubeError) as caught:
        await client.get(PODS, "a", "p")
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.reason) == (status, reason)
    assert str(caught.value) == f"get pods a/p: {status} {reason}: made to fail by the test"


async def test_invalid_says_which_fields(client: ApiClient) -> None:
    with pytest.raises(Invalid) as caught:
        await client.create(PODS, "a", {"spec": {}})
    assert caught.value.causes == (("metadata.name", "Required value"),)


async def test_the_server_is_not_quoted_about_secrets(client: ApiClient, server: FakeApiServer) -> None:
    server.fail("patch", SECRETS, status=422, reason="Invalid")
    with pytest.raises(Invalid) as caught:
        await client.patch(SECRETS, "a", "s", {"data": {"k": "v"}})
    assert str(caught.value) == "patch secrets a/s: 422 Invalid"


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_what_cannot_be_a_name_is_not_sent(client: ApiClient, server: FakeApiServer, name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        await client.get(PODS, "a", name)
    assert server.requests == []


async def test_a_name_leads_to_no_other_object(client: ApiClient, server: FakeApiServer) -> None:
    with pytest.raises(NotFound):
        await client.get(PODS, "a", "p/log?container=c#")
    assert server.requests[0].subresource == ""


async def test_list_reads_all_pages(client: ApiClient, server: FakeApiServer) -> None:
    for number in range(7):
        server.put(PODS, pod(f"p{number}", odd=str(number % 2)))
    listing = await client.list(PODS, page=3)
    assert [item["metadata"]["name"] for item in listing.items] == [f"p{number}" for number in range(7)]
    assert listing.resource_version == server.object(PODS, "p6")["metadata"]["resourceVersion"]
    assert len(server.seen("list", PODS)) == 3


async def test_list_selects_by_namespace_labels_and_fields(client: ApiClient, server: FakeApiServer) -> None:
    server.put(PODS, pod("p", task="a"))
    server.put(PODS, pod("q", task="a"))
    server.put(PODS, pod("p", task="a"), namespace="other")
    server.put(PODS, pod("r", task="b"))
    found = await client.list(PODS, "default", label_selector="task=a", field_selector="metadata.name=p")
    assert [item["metadata"]["name"] for item in found.items] == ["p"]


async def test_list_can_leave_all_but_the_metadata(client: ApiClient, server: FakeApiServer) -> None:
    server.put(EXECUTIONS, {"metadata": {"name": "e"}, "spec": {"x": "long"}})
    (item,) = (await client.list(EXECUTIONS, metadata_only=True)).items
    assert item["metadata"]["name"] == "e"
    assert "spec" not in item


async def test_a_list_of_nothing_but_metadata_is_empty(client: ApiClient, server: FakeApiServer) -> None:
    assert (await client.list(EXECUTIONS, metadata_only=True)).items == []


async def test_list_starts_over_where_the_server_forgot_its_place(client: ApiClient, server: FakeApiServer) -> None:
    for number in range(4):
        server.put(PODS, pod(f"p{number}"))
    server.fail("list", PODS, status=500)
    listing = asyncio.create_task(client.list(PODS, page=2))
    await server.until(lambda: len(server.requests) == 2)
    server.forget_history()
    assert len((await listing).items) == 4
    assert "limit" not in server.seen("list", PODS)[-1].query


async def test_watch_tells_what_happens_after_a_list(client: ApiClient, server: FakeApiServer) -> None:
    server.put(PODS, pod("before"))
    listing = await client.list(PODS)
    seen: list[tuple[str, str]] = []
    async with aclosing(client.watch(PODS, resource_version=listing.resource_version)) as events:
        server.put(PODS, pod("p"))
        server.edit(PODS, "p", {"spec": {"x": 1}})
        server.remove(PODS, "p")
        async for event in events:
            seen.append((event.type, event.object["metadata"].get("name", "")))
            if event.type == "DELETED":
                server.bookmark()
            if event.type == "BOOKMARK":
                break
    assert seen == [("ADDED", "p"), ("MODIFIED", "p"), ("DELETED", "p"), ("BOOKMARK", "")]
    assert int(event.resource_version) > int(listing.resource_version)


async def test_watch_ends_when_the_server_ends_it(client: ApiClient, server: FakeApiServer) -> None:
    server.put(PODS, pod("p"))
    types = []
    async for event in client.watch(PODS, resource_version="1000"):
        types.append(event.type)
        server.end_watches()
    assert types == ["ADDED"]


async def test_watch_from_a_forgotten_version_is_gone(client: ApiClient, server: FakeApiServer) -> None:
    server.forget_history()
    with pytest.raises(Gone):
        await anext(client.watch(PODS, resource_version="1000"))


async def test_watch_sees_objects_come_into_its_selector_and_leave(client: ApiClient, server: FakeApiServer) -> None:
    server.put(PODS, pod("p", mine="no"))
    server.edit(PODS, "p", {"metadata": {"labels": {"mine": "yes"}}})
    server.edit(PODS, "p", {"metadata": {"labels": {"mine": "no"}}})
    async with aclosing(client.watch(PODS, resource_version="1000", label_selector="mine=yes")) as events:
        assert [(await anext(events)).type, (await anext(events)).type] == ["ADDED", "DELETED"]


async def test_watch_takes_events_of_a_megabyte(client: ApiClient, server: FakeApiServer) -> None:
    server.put(PODS, pod("p") | {"data": "x" * 1_000_000})
    async with aclosing(client.watch(PODS, resource_version="1000")) as events:
        assert len((await anext(events)).object["data"]) == 1_000_000


@pytest.mark.parametrize(
    ("log", "limit_bytes", "lines", "text", "more"),
    [
        (b"", 100, 10, "", False),
        (b"one\ntwo\n", 100, 10, "one\ntwo\n", False),
        (b"one\ntwo", 100, 2, "one\ntwo", False),
        (b"one\ntwo\nthree\n", 100, 2, "two\nthree\n", True),
        (b"one\ntwo\nthree", 100, 2, "two\nthree", True),
        (b"0123456789", 4, 10, "6789", True),
        (b"0123456789", 10, 10, "0123456789", False),
        (b"0123456789", 0, 10, "", True),
        ("äöü".encode(), 5, 10, "öü", True),
        (b"a\xff\xfeb", 100, 10, "a\ufffd\ufffdb", False),
        (b"\xff" * 10, 10, 10, "\ufffd" * 3, True),
        (b"10%\r20%\r30%\n", 100, 1, "10%\r20%\r30%\n", False),
        (b"x" * 3_000_000, 1000, 200, "x" * 1000, True),
    ],
)
async def test_log_tail_keeps_the_end_within_its_bounds(
    client: ApiClient, server: FakeApiServer, log: bytes, limit_bytes: int, lines: int, text: str, more: bool
) -> None:
    server.logs["a", "p", "main"] = log
    found = await client.log_tail("a", "p", "main", limit_bytes=limit_bytes, lines=lines)
    assert found == (text, more)
    assert len(found[0].encode()) <= limit_bytes


async def test_log_of_a_container_that_has_not_started_is_refused(client: ApiClient) -> None:
    with pytest.raises(BadRequest, match="waiting to start"):
        await client.log_tail("a", "p", "main", limit_bytes=10, lines=10)


async def test_a_lease_is_written_while_all_slots_are_taken(server: FakeApiServer, clock: Any) -> None:
    client = ApiClient(server.connection, clock=clock, limit=2)
    go = server.hold("create", PODS, times=2)
    bulk = [asyncio.create_task(client.create(PODS, "a", pod(f"p{number}"))) for number in range(3)]
    await server.until(lambda: len(server.seen("create", PODS)) == 2)
    await client.create(LEASES, "a", {"metadata": {"name": "shard"}})
    assert len(server.seen("create", PODS)) == 2
    go.set()
    await asyncio.gather(*bulk)
    assert len(server.all(PODS)) == 3
    await client.close()
