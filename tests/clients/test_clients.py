"""The official clients of OpenAI, unmodified, against the real service."""

import pytest

from tests.clients.catalogue import CLIENTS, IN_THE_GATE, Missing, checked
from tests.clients.service import client_service


@pytest.mark.parametrize(
    "client", [client for client in CLIENTS if client.name in IN_THE_GATE], ids=lambda one: one.name
)
async def test_an_official_client_needs_nothing_but_another_address(client) -> None:
    try:
        command = await client.prepare()
    except Missing as missing:
        pytest.skip(f"{client.name} cannot be had here: {missing}")
    async with client_service() as (environ, upstream):
        said = await checked(*command, environ=environ)
        assert "errors" in said.splitlines()
        # Clients ask twice more by themselves after such a failure; here one request is all, as failover has had its turn.
        assert len([call for call in upstream.calls if call.model == "500"]) <= 2
