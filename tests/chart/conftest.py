"""The chart, rendered by Helm's own library."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

CHART = Path(__file__).parents[2] / "charts" / "crontask"

Body = dict[str, Any]
Render = Callable[..., list[Body]]


@pytest.fixture(scope="session")
def chart() -> Iterator[helm_python.Chart]:
    with helm_python.Chart.load(str(CHART)) as loaded:
        yield loaded


@pytest.fixture
def render(chart: helm_python.Chart) -> Render:
    """`render(values, name=, namespace=)`: every object of the chart."""

    def rendered(values: Body | None = None, name: str = "crontask", namespace: str = "crontask-system") -> list[Body]:
        texts = chart.render(values or {}, name=name, namespace=namespace)
        manifests = [text for file, text in texts.items() if file.endswith(".yaml")]
        return [body for text in manifests for body in yaml.safe_load_all(text) if body]

    return rendered
