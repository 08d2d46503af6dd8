"""What all RPCs share."""

from dataclasses import dataclass, field

from inference_service.api.door import Door
from inference_service.api.material import Material
from inference_service.api.replays import Replays
from inference_service.routing.router import Router
from inference_service.telemetry.metrics import Metrics
from inference_service.telemetry.traces import Traces
from inference_service.usage.ledger import UsageLedger


@dataclass
class Shared:
    router: Router
    door: Door
    metrics: Metrics
    ledger: UsageLedger
    traces: Traces
    material: Material = field(default_factory=Material)
    openai_url: str = ""  # where OpenAI's API is served; empty: nowhere
    replays: Replays = field(default_factory=Replays)  # finished answers

    def known_model(self, model: str) -> str:
        """A label for metrics: callers' free text must not create new ones."""
        return model if self.router.knows(model) else "unknown"
