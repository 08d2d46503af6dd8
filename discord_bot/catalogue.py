"""The models that people may choose, cached for a minute so that autocomplete never waits for the service."""

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import Literal

import structlog

from antiphon.client import InferenceClient
from antiphon.errors import AntiphonError
from antiphon.events import Model

log = structlog.get_logger(__name__)

Task = Literal["chat", "image"]
FRESH = 60.0
LONGEST_WAIT = 1.5
"""Autocomplete must answer within three seconds, whatever the service does."""
MOST_CHOICES = 25
LONGEST_CHOICE = 100


class Catalogue:
    """Only what the operator offers: the models named in `offered`, or the routes if it is empty."""

    def __init__(self, inference: InferenceClient, offered: Collection[str] = ()) -> None:
        self._inference, self._offered = inference, frozenset(offered)
        self._models: list[Model] = []
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def models(self, task: Task | None = None) -> list[Model]:
        """What the service offers, or offered last if it does not answer in time."""
        if time.monotonic() - self._read_at > FRESH:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read(), name="catalogue")
            try:
                async with asyncio.timeout(LONGEST_WAIT):
                    await asyncio.shield(self._reading)
            except TimeoutError:
                log.info("list of models is late; using the last one", models=len(self._models))
        return [model for model in self._models if self._is_offered(model) and (task is None or task in model.tasks)]

    def _is_offered(self, model: Model) -> bool:
        if self._offered:
            return not self._offered.isdisjoint((model.name, *model.aliases))
        return not model.is_deployment

    async def choose(self, wishes: Sequence[str], task: Task) -> str:
        """The first wish that is offered. The last one is the operator's own default, and is not checked."""
        for wish in wishes[:-1]:
            if await self.find(wish, task) is not None:
                return wish
        return wishes[-1]

    async def find(self, name: str, task: Task) -> Model | None:
        """By name or alias; None if it is not offered."""
        if self._offered and name not in self._offered:
            return None
        return next((model for model in await self.models(task) if name == model.name or name in model.aliases), None)

    async def names(self, task: Task, query: str) -> list[str]:
        """At most 25 names for autocomplete, best first."""
        models = await self.models(task)
        names = [model.name for model in models] + [alias for model in models for alias in model.aliases]
        if self._offered:
            names = [name for name in names if name in self._offered]
        return rank(query, [name for name in names if len(name) <= LONGEST_CHOICE])[:MOST_CHOICES]

    async def context_tokens(self, name: str, default: int) -> int:
        await self.models()
        model = next(
            (candidate for candidate in self._models if name == candidate.name or name in candidate.aliases), None
        )
        return model.capabilities.context_tokens if model and model.capabilities.context_tokens else default

    async def _read(self) -> None:
        try:
            self._models = await self._inference.models(include_deployments=True)
            self._read_at = time.monotonic()
        except AntiphonError as error:
            log.info("list of models cannot be read", error=type(error).__name__)

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


def rank(query: str, names: Sequence[str]) -> list[str]:
    """Exact matches, then prefixes, then word prefixes, then substrings; ties keep their order."""
    query = query.strip().casefold()
    unique = list(dict.fromkeys(names))
    if not query:
        return unique

    def place(name: str) -> int:
        folded = name.casefold()
        if folded == query:
            return 0
        if folded.startswith(query):
            return 1
        words = folded.replace("/", " ").replace("-", " ").replace("_", " ").split()
        if any(word.startswith(query) for word in words):
            return 2
        return 3 if query in folded else 4

    return sorted((name for name in unique if place(name) < 4), key=place)
