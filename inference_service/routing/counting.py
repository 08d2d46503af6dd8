"""Tokens of a conversation, by the count of the provider that would answer first. Without one in time: an estimate."""

import asyncio
from typing import Any

from inference_service.credentials.types import Ask, Grant, StateStore, Verdict
from inference_service.domain import ChatRequest
from inference_service.failures import UpstreamFailure
from inference_service.routing.lease import Keyring
from inference_service.routing.plan import Deployment

LONGEST = 5.0  # seconds that a provider may take


async def count(store: StateStore, keyring: Keyring, deployment: Deployment, request: ChatRequest) -> int | None:
    """None where nobody counts: the provider does not, has no credential free, refuses, or is slow.

    Counting uses no quota of answers, and what goes wrong with it says nothing about them: the pool learns nothing.
    """
    provider: Any = deployment.provider
    if not getattr(provider, "counts", ""):
        return None
    ask = Ask(provider.settings.name, deployment.name, deployment.model, request.caller.name, request.caller.tenant_id)
    grant = await store.acquire(ask)
    if not isinstance(grant, Grant):
        return None
    try:
        async with asyncio.timeout(LONGEST):
            secret = keyring.lease(ask, grant).secret
            tokens: int = await provider.count(request, deployment.model, secret)
            return tokens
    except (UpstreamFailure, TimeoutError):
        return None
    finally:
        await store.release(ask, grant, Verdict(sent=False))
