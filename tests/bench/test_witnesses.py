"""What is read of the audit log, of the receiver's record, and of a file that grows."""

import json
from pathlib import Path
from typing import Any

import pytest
from bench import audit, received
from bench.audit import Write, created
from bench.tail import Tail

AT = "2026-11-22T12:00:00.250000Z"
UNIX = 1795348800.25


def event(**changes: Any) -> bytes:
    body = {
        "stage": "ResponseComplete",
        "verb": "create",
        "user": {"username": audit.OPERATOR},
        "objectRef": {"resource": "pods", "namespace": "n", "name": "p"},
        "responseStatus": {"code": 201},
        "requestReceivedTimestamp": "2026-11-22T12:00:00.100000Z",
        "stageTimestamp": AT,
    }
    return json.dumps(body | changes).encode()


def test_a_write_counts_from_the_end_of_its_request() -> None:
    assert audit.parse(event()) == Write(audit.OPERATOR, "create", "pods", "n", "p", 201, UNIX)


def test_a_subresource_is_part_of_what_was_written() -> None:
    ref = {"resource": "crontasks", "subresource": "status", "namespace": "n", "name": "t"}
    write = audit.parse(event(verb="patch", objectRef=ref, responseStatus={"code": 200}))
    assert write is not None
    assert write.resource == "crontasks/status"


@pytest.mark.parametrize(
    "changes",
    [{"responseStatus": {"code": 409}}, {"stage": "Panic"}, {"objectRef": None}, {"responseStatus": None}],
)
def test_what_was_not_carried_out_is_no_write(changes: dict[str, Any]) -> None:
    assert audit.parse(event(**changes)) is None


def test_only_creations_of_one_kind_in_one_namespace_are_starts() -> None:
    pod = Write("u", "create", "pods", "n", "p", 201, 1.0)
    others = [
        Write("u", "patch", "pods", "n", "p", 200, 1.0),
        Write("u", "create", "jobs", "n", "p", 201, 1.0),
        Write("u", "create", "pods", "m", "p", 201, 1.0),
    ]
    assert created([*others, pod], "pods", "n") == [pod]


def test_a_call_is_late_by_the_time_since_its_instant() -> None:
    headers = {"CronTask-Scheduled-At": "2026-11-22T12:00:00Z", "Idempotency-Key": "t-20261122120000"}
    line = {"time_us": 1795348800250000, "path": "/bench", "headers": headers}
    arrival = received.parse(json.dumps(line).encode())
    assert arrival is not None
    assert arrival.lateness == pytest.approx(0.25)
    assert received.at_path([arrival], "/bench") == [arrival]
    assert received.at_path([arrival], "/other") == []


def test_a_call_of_somebody_else_does_not_count() -> None:
    assert received.parse(b'{"time_us": 1, "path": "/", "headers": {}}') is None


def test_a_tail_reads_whole_lines_once_and_nothing_from_before(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"1\n")
    parsed: list[bytes] = []

    def parse(line: bytes) -> int | None:
        parsed.append(line)
        return int(line) if line != b"0\n" else None

    tail = Tail(file, parse)
    assert tail.read() == []
    with file.open("ab") as log:
        log.write(b"2\n0\n3")
    assert tail.read() == [2]
    with file.open("ab") as log:
        log.write(b"4\n")
    assert tail.read() == [2, 34]
    assert parsed == [b"2\n", b"0\n", b"34\n"]


def test_a_tail_of_a_file_that_is_not_there_yet_reads_it_from_its_beginning(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "log", int)
    assert tail.read() == []
    (tmp_path / "log").write_bytes(b"1\n")
    assert tail.read() == [1]


def test_a_tail_that_begins_in_the_middle_of_a_line_reads_that_line_whole(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"1\n2")
    tail = Tail(file, int)
    assert tail.read() == []
    with file.open("ab") as more:
        more.write(b"3\n4\n")
    assert tail.read() == [23, 4]
