"""CountTokens by the provider's own count, in the words of each provider; an estimate wherever there is none."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from antiphon.client import InferenceClient
from antiphon.events import Image, Message, Tool, ToolCall, ToolResult
from tests.support.pictures import encoded
from tests.support.service import serving

PNG = encoded("PNG")
WEATHER = Tool("get_weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
TURNS = [
    Message.system("Be brief."),
    Message.user("Weather?", Image("image/png", PNG)),
    Message.assistant("One moment.", ToolCall("c1", "get_weather", '{"city": "Oslo"}')),
    Message.tool(ToolResult("c1", "clear")),
    Message.assistant("It is", partial=True),
]


class Counter:
    """A provider that counts. `answer`: what it says, or the status of its refusal."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[str, Any, dict[str, Any]]] = []

    async def answer_to(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({"data": []})
        self.calls.append((request.path, request.headers, await request.json()))
        if isinstance(self.answer, int):
            return web.json_response({"error": {"message": "no"}}, status=self.answer)
        return web.json_response(self.answer)


@contextlib.asynccontextmanager
async def counting(kind: str, answer: Any, path: str) -> AsyncIterator[tuple[InferenceClient, Counter]]:
    counter, app = Counter(answer), web.Application()
    app.router.add_route("*", "/{path:.*}", counter.answer_to)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider = {
        "kind": kind,
        "base_url": f"http://127.0.0.1:{runner.addresses[0][1]}{path}",
        "models": ["m"],
        "model": {"m": {"vision": True, "tools": True}},
        "credentials_env": ["KEY"],
    }
    try:
        async with serving({"providers": {"p": provider}}, {"KEY": "a-key-of-thirty-letters-0000001"}) as (_, client):
            yield client, counter
    finally:
        await runner.cleanup()


async def test_gemini_counts_the_whole_request() -> None:
    async with counting("gemini", {"totalTokens": 321}, "/v1beta/openai") as (client, counter):
        counted = await client.count_tokens(TURNS, "p/m", tools=[WEATHER])
    assert (counted.tokens, counted.estimated, counted.deployment) == (321, False, "p/m")
    ((path, headers, body),) = counter.calls
    assert path == "/v1beta/models/m:countTokens"
    assert headers["x-goog-api-key"] == "a-key-of-thirty-letters-0000001"
    whole = body["generateContentRequest"]
    assert whole["model"] == "models/m"
    assert whole["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert [turn["role"] for turn in whole["contents"]] == ["user", "model", "user", "model"]
    assert {key for part in whole["contents"][0]["parts"] for key in part} == {"text", "inlineData"}
    assert whole["contents"][1]["parts"][1] == {"functionCall": {"name": "get_weather", "args": {"city": "Oslo"}}}
    assert whole["contents"][2]["parts"][0]["functionResponse"]["name"] == "get_weather"
    assert whole["contents"][3]["parts"] == [{"text": "It is"}]
    assert whole["tools"][0]["functionDeclarations"][0]["name"] == "get_weather"


async def test_anthropic_counts_a_message() -> None:
    async with counting("anthropic", {"input_tokens": 40}, "/v1") as (client, counter):
        counted = await client.count_tokens(TURNS, "p/m", tools=[WEATHER])
    assert (counted.tokens, counted.estimated) == (40, False)
    ((path, headers, body),) = counter.calls
    assert path == "/v1/messages/count_tokens"
    assert headers["anthropic-version"]
    assert (body["model"], body["system"]) == ("m", "Be brief.")
    user, asked, result, begun = body["messages"]
    assert {part["type"] for part in user["content"]} == {"text", "image"}
    assert asked["content"][1] == {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Oslo"}}
    assert result["content"] == [{"type": "tool_result", "tool_use_id": "c1", "content": "clear"}]
    assert (begun["role"], begun["content"]) == ("assistant", [{"type": "text", "text": "It is"}])
    assert body["tools"][0]["input_schema"] == WEATHER.parameters


async def test_a_server_of_ones_own_counts_the_messages_of_a_chat() -> None:
    async with counting("vllm", {"count": 7, "max_model_len": 4_096, "tokens": [1] * 7}, "/v1") as (client, counter):
        counted = await client.count_tokens("Hi.", "p/m")
    assert (counted.tokens, counted.estimated) == (7, False)
    ((path, _, body),) = counter.calls
    assert (path, body) == ("/tokenize", {"model": "m", "messages": [{"role": "user", "content": "Hi."}]})


@pytest.mark.parametrize(
    ("kind", "answer"),
    [("gemini", 403), ("gemini", 429), ("anthropic", 500), ("vllm", {"tokens": []}), ("vllm", {"count": "many"}), ("vllm", []), ("groq", {"count": 7})],
)  # fmt: skip
async def test_without_a_count_there_is_an_estimate_that_says_so(kind: str, answer: Any) -> None:
    async with counting(kind, answer, "/v1") as (client, counter):
        counted = await client.count_tokens("Hi.", "p/m")
        assert counted.estimated
        assert counted.tokens > 0
        # What happened to the count rests nobody: the next question goes the same way.
        await client.count_tokens("Hi.", "p/m")
        assert len(counter.calls) == (0 if kind == "groq" else 2)
        status = await client.status()
        assert [credential.in_flight for provider in status.providers for credential in provider.credentials] == [0]
