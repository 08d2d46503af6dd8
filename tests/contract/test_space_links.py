"""Spaces against a local server: links that leave the app, cookies and logins, text that is rewritten, odd answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from inference_service.domain import ChatRequest, Delta, Message, Retract, Role, TextPart
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.seam import ChatCall, Provider
from tests.contract.providers import SECRET, drawn, picture_call, provider_at
from tests.contract.test_space_states import listening
from tests.contract.upstream import PNG, Upstream

K = FailureKind


def described(*outputs: str, protocol: str = "sse_v3", queue: bool = False) -> dict[str, Any]:
    """An app with one function `act`: a text in, these components out."""
    parts = [{"id": 1, "type": "textbox", "props": {"label": "Prompt"}}]
    parts += [{"id": at, "type": kind, "props": {"label": ""}} for at, kind in enumerate(outputs, 2)]
    function = {
        "id": 0,
        "api_name": "act",
        "inputs": [1],
        "outputs": [part["id"] for part in parts[1:]],
        "queue": queue,
    }
    return {"version": "5.0.0", "protocol": protocol, "components": parts, "dependencies": [function], "app_id": 1}


def chat_call(*words: str, secret: str | None = SECRET) -> ChatCall:
    turns = tuple(Message(Role.USER, (TextPart(text),)) for text in words)
    return ChatCall(ChatRequest("r", "act", turns), "act", secret)


async def answered(provider: Provider, call: ChatCall) -> tuple[str, int]:
    """(the answer, how often text was taken back)"""
    text, taken = "", 0
    async for event in provider.chat(call):
        if isinstance(event, Retract):
            text, taken = "", taken + 1
        elif isinstance(event, Delta):
            text += event.text
    return text, taken


@asynccontextmanager
async def elsewhere() -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """Another host with a picture, and the headers that it was asked with."""
    asked: list[dict[str, str]] = []

    async def picture(request: web.Request) -> web.Response:
        asked.append(dict(request.headers))
        return web.Response(body=PNG, content_type="image/png")

    app = web.Application()
    app.router.add_get("/{rest:.*}", picture)
    async with listening(app) as base:
        yield base, asked


async def test_a_picture_on_another_host_is_fetched_without_the_credential_and_one_of_the_app_with_it(
    upstream: Upstream,
) -> None:
    upstream.answers |= {"/config": described("image"), "/file=/tmp/a b.png": PNG, "/own.png": PNG}
    async with elsewhere() as (base, asked), provider_at("space", upstream.url, image_function="act") as provider:
        upstream.answers["/run/act"] = {"data": [{"path": f"{base}/x.png", "url": None}]}
        assert (await drawn(provider, picture_call("act"))).pictures[0].data == PNG
        upstream.answers["/run/act"] = {"data": [{"path": None, "url": f"{base}/x.png"}]}
        assert (await drawn(provider, picture_call("act"))).pictures[0].data == PNG
        assert len(asked) == 2
        assert not [head for head in asked if "Authorization" in head or SECRET in str(head)]
        for value in (
            {"path": "/tmp/a b.png", "url": "http://internal/x"},
            {"path": None, "url": f"{upstream.url}/own.png"},
        ):
            upstream.answers["/run/act"] = {"data": [value]}
            assert (await drawn(provider, picture_call("act"))).pictures[0].data == PNG
            assert upstream.seen[-1][2]["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("data", [[], [None], [{}], ["no picture"], [[]], [{"path": "/tmp/run.txt"}], None, "x"])
async def test_an_answer_without_a_picture_is_none(upstream: Upstream, data: Any) -> None:
    upstream.answers |= {"/config": described("file"), "/run/act": {"data": data}}
    async with provider_at("space", upstream.url, image_function="act") as provider:
        with pytest.raises(UpstreamFailure) as failed:
            await drawn(provider, picture_call("act"))
        assert failed.value.kind is K.BAD_RESPONSE


async def test_cookies_of_the_app_go_back_to_it_and_to_nobody_elses_call(upstream: Upstream) -> None:
    upstream.answers |= {"/run/act": {"data": ["hi"]}}
    upstream.answers["/config"] = (200, described("textbox"), {"Set-Cookie": "replica=7; Path=/; HttpOnly"})
    async with provider_at("space", upstream.url, chat_function="act") as provider:
        await answered(provider, chat_call("x"))
        assert upstream.seen[-1][2]["Cookie"] == "replica=7"
        await answered(provider, chat_call("x", secret="another-secret-of-length"))
        assert "Cookie" not in upstream.seen[-1][2]


async def test_a_login_is_kept_and_made_again_when_the_app_has_forgotten_it(upstream: Upstream) -> None:
    valid = {"cookie": "access-token-1=abc"}

    def guarded(body: Any) -> Any:
        inside = upstream.seen[-1][2].get("Cookie") == valid["cookie"]
        return body if inside else (401, {"detail": {"error": "Not authenticated", "auth_message": None}}, {})

    upstream.answers["/config"] = lambda _: guarded(described("textbox"))
    upstream.answers["/run/act"] = lambda _: guarded({"data": ["inside"]})
    upstream.answers["/login"] = lambda _: (
        200,
        {"success": True},
        {"Set-Cookie": f"{valid['cookie']}; Path=/; HttpOnly"},
    )
    async with provider_at("space", upstream.url, chat_function="act", login=True) as provider:
        call = chat_call("x", secret="ann:pass:word")
        for _ in range(2):
            assert await answered(provider, call) == ("inside", 0)
        logins = [body for _, path, _, body in upstream.seen if path == "/login"]
        assert logins == ["username=ann&password=pass%3Aword"]
        assert not [path for _, path, head, _ in upstream.seen if "Authorization" in head]
        valid["cookie"] = "access-token-2=def"  # the app was restarted
        with pytest.raises(UpstreamFailure) as lost:
            await answered(provider, call)
        assert lost.value.kind is K.SERVER_ERROR  # which is asked once more
        assert await answered(provider, call) == ("inside", 0)


def queued_app(upstream: Upstream, *texts: Any) -> None:
    """The app shows these texts, the last one in the end."""
    upstream.answers["/config"] = described("textbox", protocol="sse_v1", queue=True)
    upstream.answers["/queue/join"] = {"event_id": "EV"}
    upstream.answers["/cancel"] = upstream.answers["/reset"] = {"success": True}
    shown = [
        {"msg": "process_generating", "event_id": "EV", "output": {"data": [text]}, "success": True} for text in texts
    ]
    last = {"msg": "process_completed", "event_id": "EV", "output": {"data": [texts[-1]]}, "success": True}
    upstream.answers["/queue/data"] = [
        {"msg": "estimation", "event_id": "EV", "rank": "soon", "rank_eta": "soon"},
        {"msg": "progress", "event_id": "EV", "progress_data": [{"index": "?", "length": None}]},
        *shown,
        last,
    ]


@pytest.mark.parametrize(
    ("texts", "answer"),
    [
        (["Draft", "Draft one", "Final words"], "Final words"),
        (["⏳ Thinking…", "Yes", "Yes, it is"], "Yes, it is"),
        (["The fox", "The fox runs"], "The fox runs"),
        (["The fox runs", "The fox sleeps"], "The fox sleeps"),
        ([[["q", "a"]], [["q", "a b"]]], "a b"),
    ],
)
async def test_whatever_an_app_rewrites_the_answer_is_what_it_shows_in_the_end(
    upstream: Upstream, texts: list[Any], answer: str
) -> None:
    queued_app(upstream, *texts)
    async with provider_at("space", upstream.url, chat_function="act") as provider:
        assert (await answered(provider, chat_call("q")))[0] == answer


@pytest.mark.parametrize("texts", [[None], [""], ["", " \n"], [{}], [7], [[]]])
async def test_progress_and_then_nothing_that_can_be_understood_is_no_answer(
    upstream: Upstream, texts: list[Any]
) -> None:
    queued_app(upstream, *texts)
    async with provider_at("space", upstream.url, chat_function="act") as provider:
        with pytest.raises(UpstreamFailure) as failed:
            await answered(provider, chat_call("q"))
        assert failed.value.kind is K.BAD_RESPONSE
