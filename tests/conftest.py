"""What holds for all tests.

`ANTIPHON__SERVICE__TRANSPORT=h2 pytest …` runs the chosen tests on that transport, in this process and in others.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

from antiphon.config.model import Service
from inference_service import transport

# A slow machine is no failure, and neither is a lucky draw on an innocent change: properties have no deadline and play
# the same examples everywhere. `make soak` searches for new ones.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", patient, derandomize=True)
settings.register_profile("search", patient)
settings.load_profile(os.environ.get("ANTIPHON_TEST_EXAMPLES", "same"))


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
