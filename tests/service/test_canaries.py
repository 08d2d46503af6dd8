"""A provider that says everything back: neither its key nor the question comes out of the service by any door."""

from pathlib import Path

import aiohttp
import grpc
import pytest

from antiphon.client import InferenceClient
from antiphon.errors import AntiphonError
from antiphon.v1 import chat_pb2, image_pb2
from tests.support.callers import GOOD, service
from tests.support.collector import collecting
from tests.support.parrot import Parrot
from tests.support.redis import free_port, redis_server

WAYS = [
    *("400", "401", "402", "403", "404", "408", "410", "413", "422", "429", "500", "502", "503", "529"),
    *("html", "nojson", "retry", "filter", "redirect", "errorfirst", "errorlater", "badchunk", "strange", "cut"),
]
KEY, PROMPT = "canary-key-4711-of-the-provider", "canary question about my secret garden"
SYSTEM, USER, TENANT, NEGATIVE = "canary system words", "canary-user-7", "canary-tenant-9", "canary negative words"
HIDDEN = (KEY, "canary-key", PROMPT, "secret garden", SYSTEM, NEGATIVE, "token-of-good", "token-of-bad", "canary-redis")


def environment(parrot: Parrot, way: str) -> dict[str, str]:
    return {
        "ANTIPHON__PROVIDERS__A__KIND": "openai",
        "ANTIPHON__PROVIDERS__A__BASE_URL": parrot.base,
        "ANTIPHON__PROVIDERS__A__MODELS": f'["{way}"]',
        "ANTIPHON__PROVIDERS__A__CREDENTIALS_ENV": '["A_KEY"]',
        "A_KEY": KEY,
        "ANTIPHON__ROUTES__CHAT__DEPLOYMENTS": f'["a/{way}"]',
        "ANTIPHON__ROUTES__IMAGE__DEPLOYMENTS": f'["a/{way}"]',
        "ANTIPHON__ROUTING__TIMEOUTS__SHORT_WAIT": "0",
        "ANTIPHON__TELEMETRY__LOG_LEVEL": "debug",
        "ANTIPHON__TELEMETRY__LOG_FORMAT": "json",
        "ANTIPHON__SERVICE__STATUS_PAGE": "true",
        "ANTIPHON__SERVICE__HTTP": "false",
        "GRPC_VERBOSITY": "info",
    }


def known(error: grpc.aio.AioRpcError) -> str:
    return "\n".join((repr(error), str(error.details()), repr(error.trailing_metadata()), error.debug_error_string()))


async def ask(target: str) -> list[str]:
    """What a caller gets to see of a chat and of a picture, to the last byte of the trailing metadata."""
    turns = [
        chat_pb2.Message(role=chat_pb2.ROLE_SYSTEM, parts=[chat_pb2.Part(text=SYSTEM)]),
        chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[chat_pb2.Part(text=PROMPT)]),
    ]
    chat = chat_pb2.ChatRequest(model="chat", messages=turns, caller={"tenant_id": TENANT, "user_id": USER})
    image = image_pb2.ImageRequest(model="image", prompt=PROMPT, negative_prompt=NEGATIVE)
    seen: list[str] = []
    async with grpc.aio.insecure_channel(target) as channel:
        for name, request in (("Chat", chat), ("Image", image)):
            call = channel.unary_stream(f"/antiphon.v1.InferenceService/{name}")
            try:
                async for data in call(request.SerializeToString(), metadata=tuple(GOOD.items()), timeout=5):
                    seen.append(repr(data))  # noqa: PERF401 - what came before an error counts
            except grpc.aio.AioRpcError as error:
                seen.append(known(error))
    return seen


async def look(target: str, page: str) -> list[str]:
    """Everything that an operator can look at."""
    seen: list[str] = []
    async with InferenceClient(target, "token-of-good") as client:
        seen += [
            str(await client.status()),
            str(await client.models(include_deployments=True)),
            str(await client.usage()),
        ]
        async for status in client.watch_status():
            seen.append(str(status))
            break
        try:
            seen.append(str(await client.reload()))
        except AntiphonError as error:
            seen.append(repr(vars(error)))
    async with aiohttp.ClientSession(headers={"Authorization": GOOD["authorization"]}) as session:
        for path in ("/", "/api/status", "/metrics", "/healthz", "/readyz", "/canary-nowhere"):
            async with session.get(page + path) as answer:
                seen.append(await answer.text() + repr(answer.headers))
    return seen


@pytest.mark.parametrize("way", WAYS)
async def test_a_providers_words_stay_inside(tmp_path: Path, way: str) -> None:
    port = free_port()
    async with Parrot() as parrot, collecting() as collector:
        environ = {
            **environment(parrot, way),
            "ANTIPHON__SERVICE__STATUS_PORT": str(port),
            "ANTIPHON__TELEMETRY__OTLP_ENDPOINT": collector.endpoint,
        }
        async with service(tmp_path, **environ) as running:
            seen = await ask(running.target)
            seen += await look(running.target, f"http://127.0.0.1:{port}")
            assert parrot.tokens
            assert all(KEY in token for token in parrot.tokens)
            assert await running.process.end() == 0
        assert collector.spans
        logged = "\n".join((*running.process.lines, *running.process.errors))
        everything = "\n".join((*seen, logged, collector.raw.decode(errors="replace")))
    for secret in HIDDEN:
        assert secret not in everything
    # People are known to nobody but the ledger: neither the log nor a metric nor a span tells them apart.
    assert USER not in logged + collector.raw.decode(errors="replace")
    assert "attempt" in logged


@pytest.mark.parametrize(
    "environ",
    [
        {"ANTIPHON__SERVICE__CALLERS__GOOD__TOKEN_ENV": "NOT_THERE_X"},
        {"ANTIPHON__SERVICE__PRT": "canary-key-in-a-wrong-place"},
        {"ANTIPHON__STATE__BACKEND": "redis", "ANTIPHON_REDIS_URL": "canary-redis://nonsense"},
        {"ANTIPHON__STATE__BACKEND": "redis", "ANTIPHON_REDIS_URL": "redis://:canary-redis-word@127.0.0.1:1/0"},
    ],
)
async def test_a_configuration_with_a_mistake_tells_no_secret(tmp_path: Path, environ: dict[str, str]) -> None:
    shown: list[str] = []
    try:
        async with service(tmp_path, **environ) as running:
            await running.well()
            assert await running.process.end() == 0
            shown += running.process.lines + running.process.errors
    except AssertionError as ended:
        shown.append(str(ended))
    text = "\n".join(shown)
    assert shown
    assert "Traceback" not in text
    for secret in ("token-of-good", "token-of-bad", "canary-redis-word", "canary-redis:"):
        assert secret not in text


async def test_redis_that_breaks_shows_its_password_to_nobody(tmp_path: Path) -> None:
    async with redis_server() as redis:
        url = redis.url.replace("//", "//:canary-redis-word@")
        async with service(tmp_path, ANTIPHON_REDIS_URL=url, ANTIPHON__TELEMETRY__LOG_LEVEL="debug") as running:
            await running.well()  # it asks for no password: the client is refused, memory takes over
            await redis.stop()
            await running.well()
            async with InferenceClient(running.target, "token-of-good") as client:
                shown = str(await client.status())
            await running.process.end()
        assert "canary-redis-word" not in "\n".join((shown, *running.process.lines, *running.process.errors))
