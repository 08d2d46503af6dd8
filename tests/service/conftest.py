"""A scripted service and a client of it, for tests of the client."""

from collections.abc import AsyncIterator

import pytest

from antiphon.client import InferenceClient
from tests.fakes.inference import ScriptedInference


@pytest.fixture
async def fake() -> AsyncIterator[ScriptedInference]:
    async with ScriptedInference() as scripted:
        yield scripted


@pytest.fixture
async def client(fake: ScriptedInference) -> AsyncIterator[InferenceClient]:
    async with InferenceClient(fake.target, connect_timeout=2.0) as client:
        yield client
