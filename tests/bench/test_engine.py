"""What the benchmark reads of the campaign's reports."""

import json
from pathlib import Path
from typing import Any

import pytest
from bench import engine, results


def report(folder: Path, day: str, **body: Any) -> None:
    (folder / f"{day}-time-campaign.json").write_text(json.dumps(body))


def test_the_newest_campaign_counts(tmp_path: Path) -> None:
    report(tmp_path, "2026-11-21", counts={"cases": 5}, wrong=2)
    report(tmp_path, "2026-11-22", counts={"cases": 700_000}, **{"wrong in the engine": 0, "wrong": 4})
    found = results.newest(tmp_path)["engine"]
    cases, wrong = found["lines"]
    assert found["measured_at"] == "2026-11-22"
    assert cases["ours"]["value"]["median"] == 700_000
    assert (wrong["ours"]["value"]["median"], wrong["goals"][0]["met"]) == (0.0, True)


def test_what_a_campaign_prints_is_read_as_it_is(tmp_path: Path) -> None:
    report(tmp_path, "2026-11-21", counts={"cases": 5}, wrong=2)
    assert results.newest(tmp_path)["engine"]["lines"][1]["goals"] == [{"text": "0", "met": False}]


def test_no_campaign_is_no_result(tmp_path: Path) -> None:
    assert engine.result(tmp_path) is None
    assert results.newest(tmp_path) == {}


def test_a_report_that_does_not_say_what_was_wrong_is_refused(tmp_path: Path) -> None:
    report(tmp_path, "2026-11-21", counts={"cases": 5})
    with pytest.raises(ValueError, match="repeat it"):
        engine.result(tmp_path)
