"""A world in virtual time for each test."""

from collections.abc import AsyncIterator

import pytest
from fakes.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.close()
