"""The OpenAI-compatible door of a service in this process, and a plain HTTP client of it."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from inference_service.server import Server
from tests.support.service import serving

DEMO = {"embedded": {"characters_per_second": 0, "image_seconds": 0}}
HELLO = [{"role": "user", "content": "hi"}]


@dataclass
class Answer:
    """What came back. `events` of a stream, without the last "[DONE]"; `done`: it was there."""

    status: int
    headers: Mapping[str, str]
    text: str
    events: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, of a plain answer or at the end of a stream."""
        found = self.events[-1] if self.events else self.json
        assert set(found) == {"error"}, found
        assert set(found["error"]) >= {"message", "type", "param", "code"}
        return dict(found["error"])

    @property
    def content(self) -> str:
        """The words of a chat, streamed or not."""
        if not self.events:
            return str(self.json["choices"][0]["message"]["content"])
        return "".join(
            choice["delta"].get("content") or "" for event in self.events for choice in event.get("choices", ())
        )

    @property
    def finish(self) -> str | None:
        if not self.events:
            return str(self.json["choices"][0]["finish_reason"])
        reasons = [choice["finish_reason"] for event in self.events for choice in event.get("choices", ())]
        return next((reason for reason in reasons if reason), None)

    @property
    def usage(self) -> Any:
        return (
            next((event["usage"] for event in self.events if event.get("usage")), None)
            if self.events
            else self.json["usage"]
        )


class Door:
    """Asks by HTTP."""

    def __init__(self, session: aiohttp.ClientSession, base: str, server: Server) -> None:
        self.session, self.base, self.server = session, base, server

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        async with self.session.request(method, self.base + path, **more) as response:
            return parsed(response.status, response.headers, await response.text())

    async def chat(self, *, headers: Mapping[str, str] | None = None, **members: Any) -> Answer:
        body = {"model": "chat", "messages": HELLO, **members}
        return await self.ask("POST", "/v1/chat/completions", json=body, headers=headers)


def parsed(status: int, headers: Mapping[str, str], text: str) -> Answer:
    answer = Answer(status, headers, text)
    if headers.get("Content-Type", "").startswith("text/event-stream"):
        lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        answer.done = lines[-1:] == ["[DONE]"]
        answer.events = [json.loads(line) for line in lines if line != "[DONE]"]
    return answer


@contextlib.asynccontextmanager
async def http_door(config: Mapping[str, Any] = DEMO, environ: Mapping[str, str] | None = None) -> AsyncIterator[Door]:
    given = {**config, "service": {"http": True, "http_port": 0, **config.get("service", {})}}
    async with serving(given, environ) as (server, _), aiohttp.ClientSession() as session:
        yield Door(session, f"http://127.0.0.1:{server.http_port}", server)
