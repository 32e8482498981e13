"""What texts of the standard grammar mean, away from clock changes."""

from datetime import UTC, datetime

import pytest

from crontask_core.schedule import instants, parse

START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday
FOREVER = datetime(2200, 1, 1, tzinfo=UTC)


def first(text: str, count: int, identity: str = "") -> list[str]:
    found, _ = instants(parse(text, identity=identity), START, FOREVER, count)
    return [f"{at:%Y-%m-%d %H:%M:%S}" for at in found]


def days(text: str, count: int) -> list[str]:
    """The days of a schedule that runs at noon."""
    found = first(f"0 12 {text}", count)
    assert all(at.endswith(" 12:00:00") for at in found)
    return [at[:10] for at in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 6 * * *", ["2026-01-01 06:30:00", "2026-01-02 06:30:00"]),
        ("15 30 6 * * *", ["2026-01-01 06:30:15", "2026-01-02 06:30:15"]),
        ("15 30 6 1 1 ? 2030", ["2030-01-01 06:30:15"]),
        ("0 0 0 1 1 * 2026-2028/2", ["2028-01-01 00:00:00"]),
        ("*/40 * * * *", ["2026-01-01 00:40:00", "2026-01-01 01:00:00", "2026-01-01 01:40:00"]),
        ("10/20 * * * *", ["2026-01-01 00:10:00", "2026-01-01 00:30:00", "2026-01-01 00:50:00"]),
        ("59/15 * * * *", ["2026-01-01 00:59:00", "2026-01-01 01:59:00"]),
        ("0 22-2/2 * * *", ["2026-01-01 02:00:00", "2026-01-01 22:00:00", "2026-01-02 00:00:00"]),
        ("0 5-5 * * *", ["2026-01-01 05:00:00", "2026-01-02 05:00:00"]),
        ("0 05-5/3 * * *", ["2026-01-01 05:00:00", "2026-01-02 05:00:00"]),
        ("0 0 1 jan,JUL *", ["2026-07-01 00:00:00", "2027-01-01 00:00:00"]),
        (" 0\t0  1 1 * ", ["2027-01-01 00:00:00"]),
        ("@yearly", ["2027-01-01 00:00:00", "2028-01-01 00:00:00"]),
        ("@Annually", ["2027-01-01 00:00:00"]),
        ("@monthly", ["2026-02-01 00:00:00", "2026-03-01 00:00:00"]),
        ("@weekly", ["2026-01-04 00:00:00", "2026-01-11 00:00:00"]),
        ("@daily", ["2026-01-02 00:00:00", "2026-01-03 00:00:00"]),
        ("@midnight", ["2026-01-02 00:00:00"]),
        ("@hourly", ["2026-01-01 01:00:00", "2026-01-01 02:00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
    ],
)
def test_times(text: str, expected: list[str]) -> None:
    assert first(text, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * MON", ["2026-01-05", "2026-01-12"]),
        ("* * 1", ["2026-01-05", "2026-01-12"]),
        ("* * 7", ["2026-01-04", "2026-01-11"]),
        ("* * SAT-SUN", ["2026-01-03", "2026-01-04", "2026-01-10"]),
        ("* * 5-7", ["2026-01-02", "2026-01-03", "2026-01-04", "2026-01-09"]),
        ("* * 0-7", ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]),
        ("L * *", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("L,15 * *", ["2026-01-15", "2026-01-31", "2026-02-15", "2026-02-28"]),
        ("L-3 * *", ["2026-01-28", "2026-02-25"]),
        ("L-29 * *", ["2026-01-02", "2026-03-02", "2026-04-01"]),
        ("LW * *", ["2026-01-30", "2026-02-27", "2026-03-31"]),  # 31 January is a Saturday
        ("3W * *", ["2026-01-02", "2026-02-03"]),  # 3 January is a Saturday
        ("4W * *", ["2026-01-05", "2026-02-04"]),  # 4 January is a Sunday
        ("1W 2,8 *", ["2026-02-02", "2026-08-03"]),  # a Sunday, a Saturday: never into the month before
        ("31W * *", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        ("31W 5 *", ["2026-05-29"]),  # a Sunday: never into the month after
        ("1W,15W * *", ["2026-01-01", "2026-01-15", "2026-02-02", "2026-02-16"]),
        ("* * FRI#2", ["2026-01-09", "2026-02-13"]),
        ("* * 5#5", ["2026-01-30", "2026-05-29"]),
        ("* * 7#1", ["2026-01-04", "2026-02-01"]),
        ("* * MON-TUE#1", ["2026-01-05", "2026-01-06", "2026-02-02"]),
        ("* * 5L", ["2026-01-30", "2026-02-27"]),
        ("* * L5", ["2026-01-30", "2026-02-27"]),
        ("* * FRIL", ["2026-01-30", "2026-02-27"]),
        ("* * MON,5L", ["2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26", "2026-01-30"]),
        ("? * MON", ["2026-01-05", "2026-01-12"]),
        ("* 2 5#5", ["2036-02-29", "2064-02-29", "2092-02-29", "2104-02-29"]),
    ],
)
def test_days(text: str, expected: list[str]) -> None:
    assert days(text, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Both restricted: either.
        ("13 * FRI", ["2026-01-02", "2026-01-09", "2026-01-13", "2026-01-16"]),
        ("*/15 * FRI", ["2026-01-01", "2026-01-02", "2026-01-09", "2026-01-16", "2026-01-23"]),
        ("1 * */3", ["2026-01-01", "2026-01-03", "2026-01-04", "2026-01-07"]),
        ("1-31 * MON", ["2026-01-01", "2026-01-02"]),
        ("L * 5#1", ["2026-01-02", "2026-01-31", "2026-02-06"]),
        # One that names every day with a star does not restrict.
        ("*/1 * MON", ["2026-01-05", "2026-01-12"]),
        ("*,5 * MON", ["2026-01-05", "2026-01-12"]),
        ("1 * */1", ["2026-01-01", "2026-02-01"]),
    ],
)
def test_two_day_fields(text: str, expected: list[str]) -> None:
    assert days(text, len(expected)) == expected


def test_hashed_fields_keep_their_place() -> None:
    assert first("H H * * *", 2, "ns/a") == first("H H * * *", 2, "ns/a")
    assert len({tuple(first("H H * * *", 1, f"ns/{number}")) for number in range(200)}) > 170


@pytest.mark.parametrize("number", range(20))
def test_hashed_ranges_and_steps(number: int) -> None:
    identity = f"ns/task-{number}"
    minutes = [int(at[14:16]) for at in first("H(10-19) * * * *", 3, identity)]
    assert len(set(minutes)) == 1
    assert 10 <= minutes[0] <= 19
    stepped = sorted(int(at[14:16]) for at in first("H/15 * * * *", 4, identity))
    assert stepped == [stepped[0] + 15 * k for k in range(4)]
    assert stepped[0] < 15
    in_range = sorted({int(at[14:16]) for at in first("H(0-29)/10 * * * *", 6, identity)})
    assert in_range == [in_range[0] + 10 * k for k in range(3)]
    assert len(first("0 0 H * *", 12, identity)) == len({at[:7] for at in first("0 0 H * *", 12, identity)})


def test_words_are_not_hashed() -> None:
    assert first("@daily", 1, "ns/a") == first("@daily", 1, "ns/b") == ["2026-01-02 00:00:00"]
    assert parse("0 0 * * THU", identity="ns/a") is parse("0 0 * * THU", identity="ns/b")


def test_the_past_is_no_error_but_brings_nothing() -> None:
    assert parse("0 0 0 1 1 * 2020").next(START) is None


@pytest.mark.parametrize("year", [1, 3, 9989, 9991, 9999])
def test_the_ends_of_time(year: int) -> None:
    for text, grammar in (("0 0 29 2 *", "standard"), ("0 0 29 2 *", "robfig-v3-standard"), ("@every 1h", "standard")):
        for zone in ("UTC", "Pacific/Kiritimati", "America/New_York"):
            at = parse(text, grammar=grammar, zone=zone).next(datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC))  # type: ignore[arg-type]
            assert at is None or at.year >= year


def test_a_naive_time_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        parse("@hourly").next(datetime(2026, 1, 1))  # noqa: DTZ001
