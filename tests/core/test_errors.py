"""What an objection says: field, value, problem, remedy."""

import pytest

from crontask_core.errors import MAX_SHOWN, CronTaskError, FieldError, ScheduleError, ZoneError


def test_it_names_field_value_problem_and_remedy() -> None:
    error = FieldError("spec.schedule", "61 * * * *", "has minute 61", "use 0 to 59")
    assert str(error) == 'spec.schedule: "61 * * * *" has minute 61; use 0 to 59'
    assert (error.path, error.value) == ("spec.schedule", "61 * * * *")
    assert (error.problem, error.remedy) == ("has minute 61", "use 0 to 59")


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a" * MAX_SHOWN, "a" * MAX_SHOWN), ("a" * 1_000_000, "a" * (MAX_SHOWN - 1) + "…"), (7, "7"), (None, "None")],
)
def test_a_long_value_is_shown_shortened(value: object, shown: str) -> None:
    assert str(FieldError("spec", value, "is wrong", "mend it")) == f'spec: "{shown}" is wrong; mend it'


@pytest.mark.parametrize("kind", [FieldError, ScheduleError, ZoneError])
def test_it_can_be_told_of_another_field(kind: type[FieldError]) -> None:
    moved = kind("schedule", "x", "is wrong", "mend it").at("spec.schedules[1]")
    assert type(moved) is kind
    assert str(moved) == 'spec.schedules[1]: "x" is wrong; mend it'
    assert isinstance(moved, CronTaskError)
