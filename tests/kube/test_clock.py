"""The machine's clocks: what `monotonic` counts."""

import time

import pytest

from crontask_kube.clock import SystemClock


def test_monotonic_counts_the_time_of_a_suspended_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    monkeypatch.setattr(time, "clock_gettime", {7: 3700.0}.__getitem__)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    assert SystemClock().monotonic() == 3700.0
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    assert SystemClock().monotonic() == 100.0
