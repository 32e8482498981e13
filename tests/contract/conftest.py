"""The stages that the contracts are played on."""

import pytest
from fakes.stages import MemoryStage, Stage


@pytest.fixture(params=["memory"])
async def stage() -> Stage:
    return MemoryStage()
