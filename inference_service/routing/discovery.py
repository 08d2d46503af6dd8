"""Requests the model lists of providers at the start, and again every few hours."""

import asyncio

import structlog

from inference_service.failures import UpstreamFailure
from inference_service.providers import seam
from inference_service.providers.seam import Provider
from inference_service.routing.build import recompose
from inference_service.routing.generation import Generation
from inference_service.routing.plan import Deployment

log = structlog.get_logger(__name__)
PERIOD = 6 * 3_600.0  # seconds
LONGEST = 60.0  # seconds for one list


async def discover(generation: Generation) -> None:
    """Keeps the deployments of a configuration up to date until another one takes effect."""
    while not generation.ended.is_set():
        listed = [
            _learn(generation, name, provider)
            for name, provider in generation.parts.plan.providers.items()
            if provider.declaration.discovers
        ]
        if any(await asyncio.gather(*listed)):
            for sentence in recompose(generation.parts, generation.config):
                log.info(sentence)
        try:
            async with asyncio.timeout(PERIOD):
                await generation.ended.wait()
        except TimeoutError:
            continue


async def _learn(generation: Generation, name: str, provider: Provider) -> bool:
    """Fetches one provider's list. Returns whether there was one. A failure concerns no other provider."""
    secret = next((secret for secret in generation.parts.secrets[name].values() if secret), None)
    if secret is None:
        return False
    try:
        async with asyncio.timeout(LONGEST):
            models = await seam.models(provider, secret)
    except (UpstreamFailure, TimeoutError):
        return False  # requests will find out; a list is only a help
    for info in models:
        full = f"{name}/{info.name}"
        generation.parts.plan.deployments.setdefault(full, Deployment(full, provider, info.name))
    return True
