"""The auditor at the end of a story: whatever happened, each instant is accounted for and nothing else was started.

A module or test whose story breaks this on purpose says so: `pytest.mark.unaudited("why")`.
"""

import sys
from pathlib import Path
from typing import Any

import pytest
from live.kubectl import Kubectl

sys.path.append(str(Path(__file__).parents[2] / "tools"))

from audit.dump import from_cluster, machine_now
from audit.report import audit, lines, until_clean

SECONDS = 40.0
"""How long the operator may take to write everything: within the time of the test that happens to be the last one. A
clean namespace costs three requests."""


def assert_accounted(kubectl: Kubectl, request: pytest.FixtureRequest) -> None:
    """Fails with the findings about the tasks of a namespace, unless the test that asks is exempt."""
    if request.node.get_closest_marker("unaudited") is not None:
        return

    def ask(kind: str) -> Any:
        return kubectl.ok("get", kind, "-o", "json").body

    report = until_clean(lambda: audit(from_cluster(ask, machine_now)), SECONDS)
    told = "\n".join(lines(report))
    print(told)
    assert not report.found, f"the auditor objects:\n{told}"
