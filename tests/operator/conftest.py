"""A world in virtual time for each test."""

from collections.abc import AsyncIterator

import pytest
import structlog
from fakes.world import World

structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.close()
