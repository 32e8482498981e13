"""What the author of a task is told about when it is due: each row a spec, and words of each sentence."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crontask_core.advice import advice
from crontask_core.calendars import read_calendar
from crontask_core.errors import FieldError
from crontask_core.model import CalendarSpec
from crontask_core.names import Key
from crontask_core.validation import Setting, read_spec

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
BERLIN = {"timeZone": "Europe/Berlin"}


def told(spec: dict[str, Any], **calendars: Any) -> list[str]:
    read = read_spec({"pod": {"image": "shop/report:1"}} | spec)
    return advice(read, Key("shop", "report"), NOW, Setting(), NOW, **calendars)


ROWS: list[tuple[dict[str, Any], list[str]]] = [
    ({"schedule": "*/5 * * * *"}, []),
    ({"schedule": "* * * * *"}, []),
    ({"schedule": "@manual"}, []),
    ({"after": [{"task": "other", "when": "Success"}]}, []),
    ({"schedule": "@every 90s"}, []),
    # Never, or never again.
    ({"schedule": "@at 2020-01-01T00:00:00Z"}, ["spec.schedule: no instant is to come in the next 50 years"]),
    ({"schedule": "0 0 0 1 1 * 2020"}, ["spec.schedule: no instant is to come"]),
    ({"calendar": {"minutes": []}}, ["spec.calendar: no instant is to come"]),
    ({"schedule": "@manual", "calendar": {"hours": []}}, ["spec.schedule: no instant is to come"]),
    ({"schedule": "@hourly", "endAt": "2026-11-22T10:00:00Z"}, ["spec.endAt: 2026-11-22T10:00:00+00:00 is over"]),
    (
        {"schedule": "@yearly", "endAt": "2026-12-22T10:00:00Z"},
        ["spec.schedule: no instant is to come before endAt (2026-12-22T10:00:00+00:00)"],
    ),
    ({"firstRunAt": "2026-11-22T09:00:00Z"}, ["spec.firstRunAt: 2026-11-22T09:00:00+00:00 is over"]),
    ({"firstRunAt": "2026-11-22T11:00:00Z"}, []),
    (
        {"schedules": ["@hourly", "@at 2020-01-01T00:00:00Z"], "calendar": {"days": [30], "months": [2]}},
        ["spec.schedules[1]: has no instant to come", "spec.calendar: names no time that ever comes"],
    ),
    ({"schedule": "@manual", "schedules": ["@hourly"]}, []),
    # Very many.
    ({"schedule": "*/30 * * * * *"}, ['spec.schedule: "report" runs more than 1,440 times a day']),
    ({"schedules": ["@daily", "@every 2s"]}, ['spec.schedules[1]: "report" runs more than 1,440 times a day']),
    (
        {"schedule": "* * * * *", "schedules": ["30 0 0 * * *"]},
        ['The schedules of "report" together run it more than 1,440 times a day'],
    ),
    ({"schedule": "* * * * *", "schedules": ["0 0 0 * * *"]}, []),
    ({"schedule": "* * * 1 1 *"}, ["more than 1,440 times a day"]),
    # A spread that is too wide.
    ({"schedule": "@hourly", "splaySeconds": 3600}, []),
    (
        {"schedule": "@hourly", "splaySeconds": 3601},
        ["start up to 3601 s after its time, but the next time comes after 3600 s"],
    ),
    ({"schedule": "0,10 0 * * *", "splaySeconds": 900}, ["comes after 600 s; write at most 600"]),
    ({"schedule": "0 0 1 * *", "splaySeconds": 86_400}, []),
    ({"schedule": "@at 2027-01-01T00:00:00Z", "splaySeconds": 86_400}, []),
    ({"schedule": "0 12 * * *", "firstRunAt": "2026-11-22T11:59:00Z", "splaySeconds": 3600}, []),
    # Variables that nobody sets, also where the schedule says nothing.
    (
        {"schedule": "@hourly", "pod": {"image": "i", "args": ["$(CRONTASK_TSK)"]}},
        ["spec.pod.args[0]: $(CRONTASK_TSK)"],
    ),
    (
        {"schedule": "@manual", "pod": {"image": "i", "args": ["$(CRONTASK_TSK)"]}},
        ["spec.pod.args[0]: $(CRONTASK_TSK)"],
    ),
    # Changes of the clocks: 28 March and 31 October 2027.
    ({"schedule": "30 2 * * *"}, []),
    ({"schedule": "30 4 * * *"} | BERLIN, []),
    ({"schedule": "*/15 * * * *"} | BERLIN, []),
    (
        {"schedule": "30 2 * * *"} | BERLIN,
        [
            "clocks in Europe/Berlin leave out 2027-03-28 02:30; the instant is moved to 03:30. Set dst.gap",
            "clocks in Europe/Berlin show twice 2027-10-31 02:30; the first time counts. Set dst.overlap",
        ],
    ),
    (
        {"schedule": "*/30 2 * * *"} | BERLIN,
        ["leave out 2027-03-28 02:00; there is no instant for it", "show twice 2027-10-31 02:00; both times count"],
    ),
    ({"schedule": "30 2 * * *", "dst": {"gap": "Skip"}} | BERLIN, ["show twice"]),
    ({"schedule": "30 2 * * *", "dst": {"gap": "Skip", "overlap": "Second"}} | BERLIN, []),
    ({"schedule": "30 2 28 3 *"} | BERLIN, ["leave out 2027-03-28 02:30"]),
    ({"schedule": "30 2 * * MON"} | BERLIN, []),
    ({"calendar": {"minutes": [30], "hours": [2]}} | BERLIN, ["spec.calendar: clocks in", "spec.calendar: clocks in"]),
    (
        {"schedule": "30 2 * * *", "grammar": "robfig-v3-standard"} | BERLIN,
        ["does there as the library of its grammar. Set dst.gap", "Set dst.overlap"],
    ),
    (
        {"schedules": ["30 2 * * *", "40 2 * * *"], "dst": {"overlap": "First"}} | BERLIN,
        ["spec.schedules[0]: clocks", "spec.schedules[1]: clocks"],
    ),
    # In southern winter time: 5 April and 4 October 2027 for Lord Howe, whose clocks move by half an hour.
    (
        {"schedule": "15 2 * * *", "timeZone": "Australia/Lord_Howe"},
        ["leave out 2027-10-03 02:15; the instant is moved to 02:45"],
    ),
]


@pytest.mark.parametrize(("spec", "expected"), ROWS)
def test_advice(spec: dict[str, Any], expected: list[str]) -> None:
    sentences = told(spec)
    assert len(sentences) == len(expected), sentences
    for sentence, words in zip(sentences, expected, strict=True):
        assert words in sentence
        assert sentence.endswith(".")


def test_calendars_that_leave_nothing() -> None:
    nights = read_calendar("nights", CalendarSpec.model_validate({"weekly": [{"start": "22:00", "end": "06:00"}]}))
    assert told({"schedule": "0 12 * * *"}, exclude=[nights]) == []
    assert "The calendars nights leave none" in told({"schedule": "0 23 * * *"}, exclude=[nights])[0]
    assert "The calendars nights leave none" in told({"schedule": "0 12 * * *"}, only=[nights])[0]


def test_what_is_wrong_is_refused_and_not_advised() -> None:
    with pytest.raises(FieldError):
        told({"schedule": "@hourly", "startAt": "2027-01-02T00:00:00Z", "endAt": "2027-01-01T00:00:00Z"})
