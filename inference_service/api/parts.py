"""What all RPCs share."""

from dataclasses import dataclass

from inference_service.api.door import Door
from inference_service.routing.router import Router
from inference_service.telemetry.metrics import Metrics
from inference_service.telemetry.traces import Traces
from inference_service.usage.ledger import Ledger


@dataclass
class Shared:
    router: Router
    door: Door
    metrics: Metrics
    ledger: Ledger
    traces: Traces

    def known_model(self, model: str) -> str:
        """A label for metrics: free text of callers must not make new ones."""
        return model if self.router.knows(model) else "unknown"
