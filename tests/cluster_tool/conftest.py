"""What the tests of the cluster tool share: the tool on the path, and settings with a state folder of their own."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "tools"))

from cluster import processes
from cluster.paths import State
from cluster.settings import Settings


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A state folder; what a test has started in it is ended."""
    made = State(tmp_path / "state")
    made.folder.mkdir()
    yield made
    processes.stop_all(made)


@pytest.fixture
def settings(state: State, tmp_path: Path) -> Callable[..., Settings]:
    """Settings as `make NAME=value` gives them."""

    def read(**environ: str) -> Settings:
        cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "STATE": str(state.folder)}
        return Settings.read({**cache, **environ}, tmp_path)

    return read
