"""Finds out whether a deployment continues a half-finished answer, by asking it: at most once a week, and only if an
answer had to move to it while this was unknown.

The probe costs about forty tokens. Its result is kept over restarts, and shared by replicas.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from enum import StrEnum

import structlog

from inference_service.credentials.types import Ask, Grant, StateStore, Verdict, Vote
from inference_service.domain import ChatRequest, Delta, Message, Role, TextPart
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.seam import ChatCall, checked
from inference_service.quotas import DAY
from inference_service.routing import classify
from inference_service.routing.learned import Learned
from inference_service.routing.lease import Keyring, Lease
from inference_service.routing.plan import Deployment
from inference_service.settings import Sampling

log = structlog.get_logger(__name__)
QUESTION = "Count from one to ten in words, separated by single spaces, nothing else."
BEGINNING = "one two three four"
MOST_TOKENS, COST = 12, 60
LONGEST = 30.0  # seconds
PAUSE, MOST_PAUSES = 1.0, 120  # seconds between two checks whether the provider is idle, and number of checks
AGE = 7 * DAY
TOPIC = "prefill"  # the topic under which stores remember it


class Behaviour(StrEnum):
    CONTINUES = "continues"  # answers only the rest
    ECHOES = "echoes"  # answers the beginning again, then the rest
    ANEW = "anew"  # takes the beginning for a finished turn
    REFUSES = "refuses"


def judge(text: str) -> Behaviour:
    """What an answer to the probe shows. Anything but the very next word is a new answer."""
    words = text.casefold().replace(",", " ").split()
    said = [word.strip(".;:!\"'*`") for word in words]
    if said[:1] == ["five"]:
        return Behaviour.CONTINUES
    return Behaviour.ECHOES if said[:5] == [*BEGINNING.split(), "five"] else Behaviour.ANEW


def judge_failure(failure: UpstreamFailure) -> Behaviour | None:
    """None: it says nothing about continuing."""
    if failure.kind is FailureKind.PREFILL_REFUSED:
        return Behaviour.REFUSES
    if failure.kind in (FailureKind.REFUSED, FailureKind.BAD_REQUEST) and failure.status in (400, 422):
        return Behaviour.REFUSES
    # An answer without a word: all of it was reasoning.
    return Behaviour.ANEW if failure.kind is FailureKind.BAD_RESPONSE and failure.status == 200 else None


class Prober:
    """`wish` is called when an answer moves to a deployment for which this is unknown."""

    def __init__(
        self,
        store: StateStore,
        keyring: Keyring,
        learned: Learned,
        deployments: Callable[[], Mapping[str, Deployment]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._keyring, self._learned = store, keyring, learned
        self._deployments, self._clock = deployments, clock
        self._asked: dict[str, float] = {}  # deployment → time of the last probe, epoch seconds
        self._wishes: asyncio.Queue[str] = asyncio.Queue(maxsize=100)

    def wish(self, deployment: str) -> None:
        """Never waits."""
        if self._clock() - self._asked.get(deployment, 0.0) > AGE and not self._wishes.full():
            self._wishes.put_nowait(deployment)

    async def run(self) -> None:
        """Probes the wished-for deployments one after the other, forever."""
        await self._recall()
        while True:
            name = await self._wishes.get()
            if not await self._idle(name.partition("/")[0]):
                continue  # the next handover wishes again
            await self._recall()  # another replica may have probed meanwhile
            deployment = self._deployments().get(name)
            if deployment is not None and self._clock() - self._asked.get(name, 0.0) > AGE:
                await self._ask(deployment)

    async def _idle(self, pool: str) -> bool:
        """Returns when no call to the provider is running: the answer that moved there comes first."""
        for _ in range(MOST_PAUSES):
            await asyncio.sleep(PAUSE)
            if not any(credential.in_flight for credential in await self._store.credentials(pool)):
                return True
        return False

    async def _recall(self) -> None:
        for name, text in (await self._store.recall(TOPIC)).items():
            word, _, at = text.partition(" ")
            if word in set(Behaviour) and at.replace(".", "", 1).isdigit() and float(at) > self._asked.get(name, 0.0):
                self._keep(name, Behaviour(word), float(at))

    def _keep(self, name: str, behaviour: Behaviour, at: float) -> None:
        self._asked[name] = at
        continues = behaviour in (Behaviour.CONTINUES, Behaviour.ECHOES)
        self._learned.proves(name, continues=continues, echoes=behaviour is Behaviour.ECHOES)

    async def _ask(self, deployment: Deployment) -> None:
        ask = Ask(deployment.provider.settings.name, deployment.name, deployment.model, tokens=COST)
        answer = await self._store.acquire(ask)
        if not isinstance(answer, Grant):
            return  # the next handover wishes again
        self._asked[deployment.name] = now = self._clock()
        behaviour = await self._answer(deployment, self._keyring.lease(ask, answer))
        if behaviour is None:
            return
        log.info("asked whether a model continues a text", deployment=deployment.name, answer=behaviour.value)
        self._keep(deployment.name, behaviour, now)
        await self._store.remember(TOPIC, deployment.name, f"{behaviour.value} {now:.0f}")

    async def _answer(self, deployment: Deployment, lease: Lease) -> Behaviour | None:
        """None if the call has shown nothing."""
        request = ChatRequest(
            "probe", deployment.model, (Message(Role.USER, (TextPart(QUESTION),)),),
            Sampling({"temperature": 0.0, "max_tokens": MOST_TOKENS}),
        )  # fmt: skip
        verdict, text = Verdict(), ""
        try:
            async with asyncio.timeout(LONGEST):
                call = ChatCall(request, deployment.model, lease.secret, BEGINNING)
                async with aclosing(checked(deployment.provider.chat(call))) as events:
                    async for event in events:
                        if isinstance(event, Delta):
                            text += event.text
            verdict = Verdict(Vote.GOOD, good_credential=True, used_tokens=COST)
            return judge(text)
        except UpstreamFailure as failure:
            verdict = classify.verdict(failure, votes=False)
            return judge_failure(failure)
        except TimeoutError:
            return None
        finally:
            await self._store.release(lease.ask, lease.grant, verdict)
