"""What is no schedule: every field and pattern against values that it must not take, with a remedy in each message."""

from itertools import product
from typing import Any

import pytest

from crontask_core.errors import FieldError, ScheduleError
from crontask_core.schedule import parse
from crontask_core.schedule.golang import READINGS

FIELDS = ["second", "minute", "hour", "day of month", "month", "weekday", "year"]
TOO_HIGH = {
    "second": "60",
    "minute": "60",
    "hour": "24",
    "day of month": "32",
    "month": "13",
    "weekday": "8",
    "year": "2100",
}
PATTERNS = ["{}", "{},1", "1,{}", "1-{}", "{}-1", "{}/2", "{}-{}", "1-2,{}"]
NEVER = [
    "x",
    "1.5",
    "-1",
    "+1",
    "1_0",
    "٣",
    "Mo",
    "MONDAY",
    "JANU",
    "%",
    "**",
    "*1",
    "1*",
    "$",
    "é",
    "0x1",
    "99999",
]
STEPS = [
    "*/0",
    "*/x",
    "*/-1",
    "*/",
    "1/0",
    "0-59/0",
    "*/9999",
    "*/1/1",
    "1-2-3",
    "/2",
    "-",
    "1-",
    "H(",
    "H()",
    "H/0",
    "H(1-",
    "R",
    "~",
]


def with_field(field: str, value: str) -> str:
    """A text of seven fields with one that is odd."""
    texts = ["0", "*", "*", "*", "*", "*", "*"]
    texts[FIELDS.index(field)] = value
    return " ".join(texts)


def refusal(text: str, **more: Any) -> ScheduleError:
    with pytest.raises(ScheduleError) as caught:
        parse(text, **more)
    assert caught.value.path == "spec.schedule"
    assert caught.value.remedy
    assert str(caught.value).startswith("spec.schedule: ")
    return caught.value


@pytest.mark.parametrize("field", FIELDS)
def test_values(field: str) -> None:
    for pattern, value in product(PATTERNS, [*NEVER, TOO_HIGH[field], "L9", "W", "#", "1#"]):
        error = refusal(with_field(field, pattern.format(value, value)))
        assert "plain letters" in error.remedy or f"in the {field} field" in error.problem, str(error)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("item", [*STEPS, "1,,2", ",", "1,", "?,1", "?/2", "1-?"])
def test_malformed_items(field: str, item: str) -> None:
    refusal(with_field(field, item))


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "5 fields"),
        ("   ", "5 fields"),
        ("* * * *", "5 fields"),
        ("* * * * * * * *", "7 (years last)"),
        ("60 * * * *", "use 0 to 59"),
        ("* 24 * * *", "use 0 to 23"),
        ("* * 0 * *", "use 1 to 31"),
        ("* * * 0 *", "use 1 to 12"),
        ("* * * * 8", "use 0 to 7"),
        ("0 0 0 1 1 * 1969", "use 1970 to 2099"),
        ("*/61 * * * *", "use a step of 1 to 60"),
        ("* */25 * * *", "use a step of 1 to 24"),
        ("H(0-29)/31 * * * *", "use a step of 1 to 30"),
        ("H(50-70) * * * *", "keep within 0 to 59"),
        ("H(20-10) * * * *", "keep within 0 to 59"),
        ("0 0 0 1 1 * H", "write years in figures"),
        ("0 0 30 2 *", "name a day that the month has"),
        ("0 0 31 2,4,6,9,11 *", "name a day that the month has"),
        ("0 0 0 29 2 ? 2027", "name a day that the month has"),
        ("0 0 L-30 2 *", "name a day that the month has"),
        ("0 0 * * 1#6", "write FRI#2"),
        ("0 0 * * L", "FRI#2, 5L"),
        ("0 0 32W * *", "use 1W to 31W"),
        ("0 0 L-31 * *", "use L-1 to L-30"),
        ("? * * * *", "write 0 to 59"),
        ("0 0 1 * ٣", "plain letters and digits"),
        ("TZ=Europe/Berlin 0 0 * * *", "spec.timeZone"),
        ("CRON_TZ=UTC @daily", "spec.timeZone"),
        ("@reboot", "use a cron text or one of @yearly"),
        ("@daily now", "use a cron text or one of @yearly"),
        ("@manual now", "@manual"),
        ("@", "use a cron text"),
        ("@every", "write @every 90s"),
        ("@every 90", "write @every 90s"),
        ("@every 1d", "write @every 90s"),
        ("@every 500ms", "write @every 90s"),
        ("@every 1500ms", "write @every 90s"),
        ("@every -1h", "write @every 90s"),
        ("@every 0", "write @every 90s"),
        ("@at tomorrow", "write @at 2030"),
        ("@at 2030-01-02", "write @at 2030"),
        ("@at 2030-01-02T03:04:05", "write @at 2030"),
        ("@at 2030-02-30T03:04:05Z", "write @at 2030"),
        ("@at 2030-01-02T03:04:05.5Z", "write @at 2030"),
        ("*" * 1001, "split it"),
    ],
)
def test_remedies(text: str, remedy: str) -> None:
    assert remedy in refusal(text).remedy


@pytest.mark.parametrize("grammar", READINGS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "@reboot",
        "@every",
        "@every x",
        "* * *",
        "*/0 * * * * *",
        "a * * * * *",
        "1-2-3 * * * * *",
        "TZ=UTC",
        "x" * 1001,
    ],
)
def test_named_grammars(text: str, grammar: str) -> None:
    refusal(text, grammar=grammar)


def test_an_unknown_grammar_is_named() -> None:
    with pytest.raises(FieldError, match="use one of standard, robfig-v1") as caught:
        parse("@daily", grammar="quartz")  # type: ignore[arg-type]
    assert caught.value.path == "spec.grammar"


def test_an_error_may_be_told_of_another_field() -> None:
    moved = refusal("61 * * * *").at("schedules[1]")
    assert str(moved) == 'schedules[1]: "61" in the minute field is out of range; use 0 to 59'
