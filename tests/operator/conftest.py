"""A world in virtual time for each test; in each of them every instant must be accounted for at the end (law 1)."""

from collections.abc import AsyncIterator

import pytest
import structlog
from fakes.accounting import assert_accounted
from fakes.world import World

from crontask_kube.resources import TASKS

structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.close()
    for body in made.server.all(TASKS):
        assert_accounted(made, body["metadata"]["name"], body["metadata"]["namespace"])
