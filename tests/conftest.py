"""What holds for all tests.

`ANTIPHON__SERVICE__TRANSPORT=h2 pytest …` runs the chosen tests on that transport, in this process and in others.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

from antiphon.config.model import Service
from inference_service import transport

# A slow machine is no failure: examples have no deadline, and drawing them may take its time.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def chosen_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = os.environ.get("ANTIPHON__SERVICE__TRANSPORT")
    if chosen is None:
        return
    original = transport.new_server

    def new_server(service: Service) -> transport.Server:
        unset = "transport" not in service.model_fields_set
        return original(service.model_copy(update={"transport": chosen}) if unset else service)

    monkeypatch.setattr(transport, "new_server", new_server)
