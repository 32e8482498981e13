"""The virtual server, and files of restores."""

import json
from typing import Any

import pytest

from crontask_gateway.dialects.dkron import extras
from crontask_gateway.errors import Invalid

HEAD = "multipart/form-data; boundary=XX"


def form(*parts: tuple[str, str]) -> bytes:
    told = [f"--XX\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n" for head, content in parts]
    return ("".join(told) + "--XX--\r\n").encode()


def job(name: str, parent: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "parent_job": parent, "schedule": "" if parent else "@every 1m", **more}


def names(*jobs: dict[str, Any]) -> list[str]:
    return [each.name for level in extras.restored_jobs(json.dumps(jobs).encode()) for each in level]


def test_one_member_that_is_always_the_same() -> None:
    (member,) = extras.members("crontask", "10.0.0.7")
    assert extras.members("crontask", "10.0.0.7") == [member]
    assert extras.members("other", "10.0.0.7")[0]["id"] != member["id"]
    assert list(member) == [
        "id", "Name", "Addr", "Port", "Tags", "Status", "ProtocolMin", "ProtocolMax", "ProtocolCur", "DelegateMin",
        "DelegateMax", "DelegateCur", "statusText",
    ]  # fmt: skip
    assert (member["Name"], member["Status"], member["statusText"]) == ("crontask", 1, "alive")
    leader = extras.leader("crontask", "10.0.0.7")
    assert {**member, "id": 0, "statusText": 0} == {**leader, "id": 0, "statusText": 0}
    assert "id" not in leader


def test_the_status_is_three_objects_of_strings() -> None:
    status = extras.status("crontask", "10.0.0.7")
    assert list(status) == ["agent", "serf", "tags"]
    assert all(isinstance(value, str) for part in status.values() for value in part.values())
    assert status["agent"] == {"name": "crontask", "version": "4.0.9"}
    assert status["tags"]["rpc_addr"] == "10.0.0.7:6868"
    assert extras.status("crontask", "fd00::7")["tags"]["rpc_addr"] == "[fd00::7]:6868"


@pytest.mark.parametrize(
    ("content_type", "body", "content"),
    [
        (HEAD, form(('name="file"; filename="jobs.json"', "[1]")), b"[1]"),
        (
            'Multipart/Form-Data; boundary="XX"',
            form(('name="file"; filename="a"\r\nContent-Type: x/y', "[\r\n]")),
            b"[\r\n]",
        ),
        (HEAD, form(('name="other"', "no"), ("name=file", "yes")), b"yes"),
        (HEAD, form(('name="other"; filename="file"', "no")), None),
        (HEAD, b"", None),
        (HEAD, b"--XX--", None),
        ("multipart/form-data", form(('name="file"', "x")), None),
        ("application/json", b"[]", None),
        ("", b"", None),
    ],
    ids=["plain", "typed", "second part", "another field", "empty", "no part", "no boundary", "json", "nothing"],
)
def test_the_file_of_a_form(content_type: str, body: bytes, content: bytes | None) -> None:
    assert extras.restored_file(content_type, body) == content


def test_parents_come_first_and_the_file_s_order_stays() -> None:
    assert names(job("c", "b"), job("x"), job("b", "a"), job("a"), job("d", "b")) == ["x", "a", "b", "c", "d"]
    assert names() == []


def test_eight_jobs_in_three_trees() -> None:
    listed = [
        job("a"),
        job("a1", "a"),
        job("a2", "a1"),
        job("a3", "a2"),
        job("b"),
        job("b1", "b"),
        job("c"),
        job("c1", "c"),
    ]
    assert names(*reversed(listed))[:3] == ["c", "b", "a"]
    assert set(names(*listed)) == {each["name"] for each in listed}


def test_counters_of_the_file_are_kept() -> None:
    told = job("a", success_count=3, error_count=1, status="success", dependent_jobs=["b", "b"])
    ((found,),) = extras.restored_jobs(json.dumps([told]).encode())
    assert (found.success_count, found.error_count, found.status) == (3, 1, "success")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[{]",
        b"[1]",
        json.dumps([job("BAD")]).encode(),
        json.dumps([job("a", "missing")]).encode(),
        json.dumps([job("a", "b"), job("b", "a")]).encode(),
        json.dumps([job("a")] * (extras.MAX_RESTORED + 1)).encode(),
    ],
    ids=["empty", "object", "malformed", "number", "bad name", "no parent", "ring", "too many"],
)
def test_files_that_are_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(Invalid):
        extras.restored_jobs(content)


def test_the_result_of_a_restore_is_the_text_of_a_list() -> None:
    assert extras.restore_result([("a", True), ("b", False)]) == '["success create a","fail create b"]'
    assert extras.restore_result([]) == "[]"


def test_of_a_name_that_comes_twice_the_last_is_meant() -> None:
    twice = [job("a", owner="first"), job("b"), job("a", "b", owner="last")]
    levels = extras.restored_jobs(json.dumps(twice).encode())
    assert [[(each.name, each.owner) for each in level] for level in levels] == [[("b", "")], [("a", "last")]]


def test_a_server_without_an_operator_has_failed() -> None:
    (member,) = extras.members("crontask", "10.0.0.7", alive=False)
    assert (member["Status"], member["statusText"]) == (4, "failed")


def test_each_tenant_has_a_switch_of_its_own() -> None:
    switches = [extras.pause_switch(tenant) for tenant in ("", "a", "b", "x" * 63)]
    assert switches[0] == "dkron.paused"
    assert len(set(switches)) == 4
    assert all(len(each) <= 40 for each in switches)
