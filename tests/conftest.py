"""`ANTIPHON__SERVICE__TRANSPORT=h2 pytest …` runs whatever is chosen on that transport, in this process and in others."""

import os

import pytest

from antiphon.config.model import Service
from inference_service import transport


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
