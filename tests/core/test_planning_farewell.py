"""When a task is deleted by itself."""

from dataclasses import replace

import pytest

from crontask_core.planning.farewell import Farewell, FarewellObservation, judge_farewell

NEW = FarewellObservation(
    delete_after="Never",
    dispatched=False,
    succeeded=False,
    comes=True,
    came=True,
    paused=False,
    busy=False,
    unsaved=False,
    owns=False,
    untold=False,
    awaited=False,
)
DONE = replace(NEW, comes=False, dispatched=True, succeeded=True)
ROWS = [
    ("nothing is asked for", "Never", DONE, "Stay"),
    ("nothing was sent yet", "Dispatch", NEW, "Stay"),
    ("it was sent", "Dispatch", replace(NEW, dispatched=True, busy=True), "Go"),
    ("it was sent, its record is not there yet", "Dispatch", replace(NEW, dispatched=True, unsaved=True), "Rest"),
    ("another one runs that would go with the task", "Dispatch", replace(NEW, dispatched=True, owns=True), "Rest"),
    ("somebody is still to be told", "Success", replace(DONE, untold=True), "Rest"),
    ("nothing has succeeded", "Success", replace(NEW, dispatched=True), "Stay"),
    ("nothing has succeeded, and nothing will", "Success", replace(DONE, succeeded=False), "Stay"),
    ("one has succeeded, others run on", "Success", replace(DONE, comes=True, busy=True), "Go"),
    ("an instant is to come", "Finished", replace(DONE, comes=True), "Stay"),
    ("something runs or waits", "Finished", replace(DONE, busy=True), "Stay"),
    ("paused tasks wait for whoever paused them", "Finished", replace(DONE, paused=True), "Stay"),
    ("all is done", "Finished", DONE, "Go"),
    ("another task runs after it", "Finished", replace(DONE, awaited=True), "Stay"),
    ("it goes on while another task runs after it", "Success", replace(DONE, comes=True, awaited=True), "Stay"),
    ("all has passed, nothing was run", "Finished", replace(DONE, dispatched=False, succeeded=False), "Go"),
    ("run by hand only, and not yet", "Finished", replace(NEW, comes=False, came=False), "Stay"),
    ("run by hand only, and done", "Finished", replace(DONE, came=False), "Go"),
]


@pytest.mark.parametrize(("says", "after", "seen", "expected"), ROWS, ids=[f"{row[1]}: {row[0]}" for row in ROWS])
def test_farewell(says: str, after: str, seen: FarewellObservation, expected: Farewell) -> None:
    assert judge_farewell(replace(seen, delete_after=after)) == expected  # type: ignore[arg-type]
