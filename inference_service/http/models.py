"""GET /v1/models and /v1/models/{id}, over the ListModels RPC's own handler."""

from typing import Any

import msgspec
from aiohttp import web

from antiphon.v1 import models_pb2
from inference_service.http.call import Facts, error_response, json_response
from inference_service.http.problems import Problem

OWNER = "antiphon"


class ModelsExchange:
    """`name`: one model; None: all. `since`: when the service started, in epoch seconds."""

    def __init__(self, name: str | None, since: int) -> None:
        self._name, self._since = name, since
        self._models: list[dict[str, Any]] = []
        self._aliases: dict[str, str] = {}

    async def request(self) -> models_pb2.ListModelsRequest:
        return models_pb2.ListModelsRequest(include_deployments=True)

    async def respond(self, message: models_pb2.ListModelsResponse) -> None:
        self._models = [self._model(model) for model in message.models]
        self._aliases = {alias: model.name for model in message.models for alias in model.aliases}

    def _model(self, model: models_pb2.Model) -> dict[str, Any]:
        can = model.capabilities
        draws, chats = models_pb2.TASK_IMAGE in model.tasks, models_pb2.TASK_CHAT in model.tasks
        item: dict[str, Any] = {
            "id": model.name,
            "object": "model",
            "created": self._since,
            "owned_by": model.name.partition("/")[0] if model.is_deployment else OWNER,
            "name": model.name,
            "architecture": {
                "input_modalities": ["text", "image"] if can.vision or can.input_image else ["text"],
                "output_modalities": [kind for kind, does in (("text", chats), ("image", draws)) if does],
            },
            "antiphon": {
                "available": model.available,
                "aliases": list(model.aliases),
                "tasks": [models_pb2.Task.Name(task).removeprefix("TASK_").lower() for task in model.tasks],
            },
        }
        if can.context_tokens:
            item["context_length"] = item["context_window"] = can.context_tokens
        return item

    async def finish(self, facts: Facts) -> web.StreamResponse:
        if self._name is None:
            return json_response(msgspec.json.encode({"object": "list", "data": self._models}), facts)
        wanted = self._aliases.get(self._name, self._name)
        listed = next((model for model in self._models if model["id"] == wanted), None)
        if listed is None:
            text = f"there is no model {self._name[:100]!r}; /v1/models lists all"
            return error_response(Problem(404, "not_found_error", "model_not_found", text, "model"), facts)
        return json_response(msgspec.json.encode({**listed, "id": self._name}), facts)

    async def fail(self, problem: Problem, facts: Facts) -> web.StreamResponse:
        return error_response(problem, facts)

    def spell(self, field: str) -> str:
        return field

    def close(self) -> None:
        """Nothing to release."""
