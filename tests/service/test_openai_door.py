"""The OpenAI-compatible door: shapes of answers, errors, callers, bounds, browsers."""

import asyncio
import base64
import json
from typing import Any

import pytest

from antiphon.cli.output import console
from antiphon.cli.status import render
from antiphon.client import InferenceClient
from tests.fakes.upstream.server import TEXT, USAGE, FakeUpstream, png
from tests.support.http import DEMO, HELLO, http_door
from tests.support.service import KEYS, serving, two_providers

CALLERS = {
    "service": {
        "callers": {
            "shop": {"token_env": "SHOP", "scopes": ["chat"], "requests_per_minute": 2},
            "ops": {"token_env": "OPS", "scopes": ["chat", "image", "operate"]},
        }
    }
}
TOKENS = {"SHOP": "token-of-the-shop", "OPS": "token-of-operations"}


async def test_a_chat_in_one_piece_has_every_member_that_clients_read() -> None:
    async with FakeUpstream() as upstream, http_door(two_providers(upstream, "ok", "ok"), KEYS) as door:
        answer = await door.chat()
        assert answer.status == 200
        assert answer.json["object"] == "chat.completion"
        assert answer.json["id"] == f"chatcmpl-{answer.headers['x-request-id']}"
        assert answer.json["model"] == "chat"
        [choice] = answer.json["choices"]
        assert choice == {
            "index": 0,
            "message": {"role": "assistant", "content": TEXT, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
        assert {name: answer.usage[name] for name in USAGE} == USAGE
        assert answer.json["antiphon"] == {"deployment": "a/ok", "deployments": ["a/ok"], "attempts": 1}
        assert answer.headers["x-antiphon-deployment"] == "a/ok"


async def test_a_streamed_chat_has_the_chunks_of_openai_in_their_order() -> None:
    async with FakeUpstream() as upstream, http_door(two_providers(upstream, "ok", "ok"), KEYS) as door:
        answer = await door.chat(stream=True, stream_options={"include_usage": True})
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.done
        assert answer.content == TEXT
        first, *_, last, usage = answer.events
        assert first["choices"] == [
            {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
        ]
        assert last["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
        assert last["antiphon"]["deployment"] == "a/ok"
        assert usage["choices"] == []
        assert {name: usage["usage"][name] for name in USAGE} == USAGE
        assert all(event["usage"] is None for event in answer.events[:-1])
        assert len({(event["id"], event["created"], event["model"], event["object"]) for event in answer.events}) == 1


async def test_without_the_wish_for_usage_no_chunk_is_without_choices() -> None:
    async with http_door() as door:
        answer = await door.chat(stream=True)
        assert answer.done
        assert all(event["choices"] and "usage" not in event for event in answer.events)


async def test_reasoning_is_apart_from_the_answer() -> None:
    async with FakeUpstream() as upstream, http_door(two_providers(upstream, "think", "ok"), KEYS) as door:
        whole, streamed = await door.chat(), await door.chat(stream=True)
        assert whole.json["choices"][0]["message"]["reasoning_content"] == "let me see"
        deltas = [event["choices"][0]["delta"] for event in streamed.events]
        assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "let me see"
        assert whole.content == streamed.content == TEXT


async def test_requests_in_openais_looser_forms_reach_the_provider_in_its_own() -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Look:", "name": "Ann"},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": [{"type": "text", "text": "I see."}, {"type": "refusal", "refusal": " No."}]},
        {"role": "user", "content": ["And", {"type": "text", "text": " now?"}]},
    ]
    async with FakeUpstream() as upstream, http_door(two_providers(upstream, "ok", "ok"), KEYS) as door:
        answer = await door.chat(
            messages=messages,
            stop="END",
            max_tokens=5,
            max_completion_tokens=7,
            temperature=0,
            top_p=None,
            seed=-1,
            n=1,
            user="u",
            logit_bias={},
            reasoning=None,
        )
        assert answer.status == 200, answer.text
        body = upstream.of("a")[0].body
        assert [turn["role"] for turn in body["messages"]] == ["system", "user", "assistant", "user"]
        assert body["messages"][-1]["content"] == "And now?"
        assert (body["stop"], body["max_tokens"], body["temperature"]) == (["END"], 7, 0)
        assert "seed" not in body
        assert "top_p" not in body


async def test_unknown_fields_are_ignored_and_named_in_a_header() -> None:
    async with http_door() as door:
        answer = await door.chat(
            keep_alive="5m", chat_template_kwargs={"x": 1}, n=None, extra_body={"y": 2}, stream=True
        )
        assert answer.status == 200
        named = {name.strip() for name in answer.headers["x-antiphon-ignored"].split(",")}
        assert {"keep_alive", "chat_template_kwargs", "extra_body"} <= named
        assert "n" not in named


async def test_a_picture_to_look_at_arrives_whatever_its_label_says() -> None:
    url = "data:image/jpg;base64," + base64.b64encode(png()).decode()
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url, "detail": "low"}}]
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "ok", "ok")
        config["providers"]["a"]["model"] = {"ok": {"vision": True}}
        async with http_door(config, KEYS) as door:
            answer = await door.chat(messages=[{"role": "user", "content": parts}])
            assert answer.status == 200, answer.text
            sent = upstream.of("a")[0].body["messages"][0]["content"][1]["image_url"]["url"]
            assert base64.b64decode(sent.partition(",")[2]) == png()
            assert sent.startswith("data:image/png;")


# --- errors ------------------------------------------------------------------------------------

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(png()[:20]).decode()}}
BAD_CHATS: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"model": 7}, "model"),
    ({"model": "x" * 201}, "model"),
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "hi"}, "messages"),
    ({"messages": ["hi"]}, "messages[0]"),
    ({"messages": [{"content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"role": ["user"], "content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": ""}]}, "messages"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"type": "film"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "assistant", "content": ""}, {"role": "user", "content": [PICTURE]}]}, "messages[1].content[0].image_url.url"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,@@"}}]}]}, "messages[0].content[0].image_url.url"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
    ({"messages": HELLO * 1_001}, "messages"),
    ({"n": 500}, "n"),
    ({"n": 0}, "n"),
    ({"n": "two"}, "n"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": True}, "stream_options"),
    ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ({"temperature": 2.5}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"top_p": -0.1}, "top_p"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_completion_tokens": 2**40}, "max_completion_tokens"),
    ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
    ({"stop": ["a"] * 5}, "stop"),
    ({"stop": [1]}, "stop"),
    ({"seed": -7}, "seed"),
    ({"antiphon": {"on_interruption": "dance"}}, "antiphon.on_interruption"),
]  # fmt: skip


async def test_every_wrong_field_is_named_in_openais_spelling_and_nothing_is_spent() -> None:
    async with FakeUpstream() as upstream, http_door(two_providers(upstream, "ok", "ok"), KEYS) as door:
        for change, param in BAD_CHATS:
            answer = await door.chat(**change)
            assert answer.status == 400, (change, answer.text)
            assert answer.error["type"] == "invalid_request_error"
            assert answer.error["param"] == param, answer.error
            assert answer.error["message"].startswith(f"{param}: "), answer.error
        assert upstream.calls == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[1]", "not valid JSON"),
        (b'"text"', "not valid JSON"),
        (b'{"model": "\xff"}', "not valid JSON"),
        (b'{"messages": ' + b"[" * 100_000, "not valid JSON"),
        (b'{"model": "chat", "messages": [{"role": "user", "content": "\\ud800"}]}', "not valid JSON"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(body: bytes, says: str) -> None:
    async with http_door() as door:
        answer = await door.ask("POST", "/v1/chat/completions", data=body, headers={"Content-Type": "application/json"})
        assert answer.status == 400
        assert says in answer.error["message"]


async def test_a_body_that_is_too_large_is_refused_without_being_read() -> None:
    async with http_door({**DEMO, "service": {"max_request_bytes": 65_536}}) as door:
        port = door.server.http_port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"Connection: close" in head
        writer.close()

        async def endless() -> Any:  # nobody has said how much comes
            for _ in range(100):
                yield b" " * 65_536

        answer = await door.ask("POST", "/v1/chat/completions", data=endless())
        assert answer.status == 413
        assert answer.error["code"] == "request_too_large"


async def test_a_caller_that_waits_for_continue_gets_413_instead() -> None:
    async with http_door({**DEMO, "service": {"max_request_bytes": 65_536}}) as door:
        for length, says in ((100_000_000, b"HTTP/1.1 413 "), (2, b"HTTP/1.1 100 Continue")):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.server.http_port)
            head = (
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
            )
            writer.write(head % length)
            assert (await reader.readuntil(b"\r\n")).startswith(says)
            writer.close()


async def test_an_unknown_model_or_path_is_404_and_a_wrong_method_405() -> None:
    async with http_door() as door:
        model = await door.chat(model="cht")
        assert (model.status, model.error["code"], model.error["param"]) == (404, "model_not_found", "model")
        assert "chat" in model.error["message"]
        path = await door.ask("POST", "/v1/audio/speech", json={})
        assert (path.status, path.error["code"]) == (404, "unknown_url")
        method = await door.ask("GET", "/v1/chat/completions")
        assert (method.status, method.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("first", "second", "status", "code"),
    [
        ("429day", "429day", 429, "rate_limit_exceeded"),
        ("500", "500", 503, "service_unavailable"),
        ("context", "context", 400, "context_length_exceeded"),
        ("filtered", "ok", 400, "content_filter"),
    ],
)
async def test_a_failure_before_the_answer_is_a_plain_http_error(
    first: str, second: str, status: int, code: str
) -> None:
    for stream in (False, True):
        async with FakeUpstream() as upstream, http_door(two_providers(upstream, first, second), KEYS) as door:
            answer = await door.chat(stream=stream)
            assert (answer.status, answer.error["code"]) == (status, code), answer.text
            if status in (429, 503):
                assert int(answer.headers["retry-after"]) >= 1
                # Failover has tried what there is; the client's own retries would only repeat it.
                assert answer.headers["x-should-retry"] == "false"


async def test_the_callers_own_timeout_is_a_504() -> None:
    async with FakeUpstream() as upstream, http_door(two_providers(upstream, "silent", "silent"), KEYS) as door:
        answer = await door.chat(headers={"x-antiphon-timeout": "0.3"})
        assert (answer.status, answer.error["code"]) == (504, "timeout")


# --- callers -----------------------------------------------------------------------------------


async def test_callers_have_the_tokens_scopes_and_budgets_of_the_other_door() -> None:
    async with http_door({**DEMO, **CALLERS}, TOKENS) as door:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic dG9rZW4="},
            {"api-key": "wrong"},
        ):
            answer = await door.chat(headers=headers)
            assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
        shop = {"authorization": "bEaReR token-of-the-shop"}
        assert (await door.chat(headers=shop)).status == 200
        refused = await door.ask("POST", "/v1/images/generations", json={"prompt": "fox"}, headers=shop)
        assert (refused.status, refused.error["type"]) == (403, "permission_error")
        last = await door.chat(headers={"x-api-key": "token-of-the-shop"}, stream=True)
        assert (last.status, last.headers["x-ratelimit-limit-requests"]) == (200, "2")
        assert last.headers["x-ratelimit-remaining-requests"] == "0"
        assert last.headers["x-ratelimit-reset-requests"].endswith("s")
        spent = await door.chat(headers=shop)
        assert (spent.status, spent.error["code"]) == (429, "rate_limit_exceeded")
        assert spent.headers["x-ratelimit-remaining-requests"] == "0"
        assert int(spent.headers["retry-after"]) >= 1
        unlimited = await door.chat(headers={"api-key": "token-of-operations"})
        assert unlimited.status == 200
        assert not [name for name in unlimited.headers if name.lower().startswith("x-ratelimit")]


async def test_a_token_is_asked_for_before_anything_else() -> None:
    async with http_door({**DEMO, **CALLERS}, TOKENS) as door:
        body = await door.ask("POST", "/v1/chat/completions", data=b"{")
        assert body.status == 401
        assert (await door.ask("GET", "/v1/models")).status == 401


async def test_pages_of_other_origins_may_not_call_where_no_token_is_needed() -> None:
    service = {"service": {"http_cors": ["https://chat.example"]}}
    good, evil = {"Origin": "https://chat.example"}, {"Origin": "https://evil.example"}
    async with http_door({**DEMO, **service}) as door:
        asked = {
            "Access-Control-Request-Headers": "authorization,x-stainless-os",
            "Access-Control-Request-Method": "POST",
        }
        preflight = await door.ask("OPTIONS", "/v1/chat/completions", headers={**good, **asked})
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-origin"] == "https://chat.example"
        assert preflight.headers["access-control-allow-headers"] == "authorization,x-stainless-os"
        answer = await door.chat(headers=good)
        assert answer.headers["access-control-allow-origin"] == "https://chat.example"
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
        refused = await door.chat(headers=evil)
        assert (refused.status, refused.error["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in refused.headers
        assert (await door.ask("GET", "/v1/models", headers={"Sec-Fetch-Site": "cross-site"})).status == 403


# --- models ------------------------------------------------------------------------------------


async def test_models_are_listed_and_found_by_their_names_and_aliases() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "org/deep", "ok")
        config["routes"]["gpt-4o"] = {"alias_of": "chat"}
        async with http_door(config, KEYS) as door:
            listed = await door.ask("GET", "/v1/models")
            assert listed.json["object"] == "list"
            by_id = {model["id"]: model for model in listed.json["data"]}
            assert {"chat", "image", "a/org/deep", "b/ok"} <= set(by_id)
            assert by_id["chat"]["object"] == "model"
            assert isinstance(by_id["chat"]["created"], int)
            assert by_id["a/org/deep"]["owned_by"] == "a"
            for path in (
                "/v1/models/a/org/deep",
                "/v1/models/a%2Forg%2Fdeep",
                "/models/a/org/deep/",
                "//v1//models/a/org/deep",
            ):
                one = await door.ask("GET", path)
                assert one.json["id"] == "a/org/deep", path
            assert (await door.ask("GET", "/v1/models/gpt-4o")).json["id"] == "gpt-4o"
            missing = await door.ask("GET", "/v1/models/gpt-9")
            assert (missing.status, missing.error["code"]) == (404, "model_not_found")


async def test_probes_need_no_token() -> None:
    async with http_door({**DEMO, **CALLERS}, TOKENS) as door:
        for method, path in (("GET", "/"), ("HEAD", "/"), ("GET", "/health"), ("GET", "/v1/")):
            assert (await door.ask(method, path)).status == 200


# --- pictures ----------------------------------------------------------------------------------


async def test_pictures_come_in_base64_and_as_events() -> None:
    async with http_door() as door:
        order = {"prompt": "a fox", "n": 2, "size": "96x64", "output_format": "webp", "quality": "high", "user": "u"}
        answer = await door.ask("POST", "/v1/images/generations", json=order)
        assert answer.status == 200, answer.text
        assert len(answer.json["data"]) == 2
        assert base64.b64decode(answer.json["data"][0]["b64_json"])[8:12] == b"WEBP"
        assert (answer.json["size"], answer.json["output_format"]) == ("96x64", "webp")
        assert answer.headers["x-antiphon-ignored"] == "quality"
        streamed = await door.ask("POST", "/v1/images/generations", json={**order, "stream": True, "partial_images": 1})
        kinds = [event["type"] for event in streamed.events]
        assert kinds.count("image_generation.completed") == 2
        assert 1 <= kinds.count("image_generation.partial_image") <= 2
        completed = [event for event in streamed.events if event["type"] == "image_generation.completed"]
        assert all(base64.b64decode(event["b64_json"])[8:12] == b"WEBP" for event in completed)
        assert completed[-1]["usage"]["total_tokens"] == 0
        named = [line for line in streamed.text.splitlines() if line.startswith("event: ")]
        assert named == [f"event: {kind}" for kind in kinds]
        link = await door.ask("POST", "/v1/images/generations", json={"prompt": "a fox", "response_format": "url"})
        assert link.json["data"][0]["url"].startswith("data:image/png;base64,")


async def test_a_picture_is_changed_by_a_form() -> None:
    def form(*pictures: bytes, **texts: str) -> Any:
        import aiohttp

        data = aiohttp.FormData(default_to_multipart=True)
        for picture in pictures:
            data.add_field("image[]", picture, filename="x.png", content_type="image/png")
        for name, text in texts.items():
            data.add_field(name, text)
        return data

    async with http_door() as door:
        good = await door.ask("POST", "/v1/images/edits", data=form(png(), prompt="redder", n="1", size="auto"))
        assert good.status == 200, good.text
        assert base64.b64decode(good.json["data"][0]["b64_json"]).startswith(b"\x89PNG")
        for data, param in (
            (form(png(), n="1"), "prompt"),
            (form(prompt="x"), "image"),
            (form(png(), png(), prompt="x"), "image"),
            (form(b"no picture", prompt="x"), "image"),
            (form(png(), prompt="x", n="many"), "n"),
        ):
            answer = await door.ask("POST", "/v1/images/edits", data=data)
            assert (answer.status, answer.error["param"]) == (400, param), answer.text
        assert (await door.ask("POST", "/v1/images/edits", json={"prompt": "x"})).status == 400
        broken = {"Content-Type": "multipart/form-data; boundary=x"}
        assert (await door.ask("POST", "/v1/images/edits", data=b"--y\r\n\r\nno", headers=broken)).status == 400


BAD_ORDERS: list[tuple[dict[str, Any], str]] = [
    ({"prompt": ""}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"prompt": "x" * 4_001}, "prompt"),
    ({"n": 500}, "n"),
    ({"n": 0}, "n"),
    ({"size": "huge"}, "size"),
    ({"size": "16x16"}, "size"),
    ({"aspect_ratio": "wide"}, "aspect_ratio"),
    ({"output_format": "bmp"}, "output_format"),
    ({"response_format": "file"}, "response_format"),
    ({"partial_images": 9}, "partial_images"),
    ({"steps": 900}, "steps"),
    ({"seed": 1.5}, "seed"),
]


async def test_wrong_orders_of_pictures_name_their_field_and_nothing_is_spent() -> None:
    async with FakeUpstream() as upstream, http_door(two_providers(upstream, "ok", "ok"), KEYS) as door:
        for change, param in BAD_ORDERS:
            answer = await door.ask("POST", "/v1/images/generations", json={"prompt": "a fox", **change})
            assert (answer.status, answer.error["param"]) == (400, param), (change, answer.text)
        assert upstream.calls == []


async def test_no_answer_contains_a_stack_trace_or_a_secret() -> None:
    async with FakeUpstream() as upstream, http_door(two_providers(upstream, "401", "html:503"), KEYS) as door:
        answer = await door.chat()
        assert answer.status == 503
        assert "Traceback" not in answer.text
        assert not any(key in json.dumps([answer.text, dict(answer.headers)]) for key in KEYS.values())


async def test_the_status_says_where_the_door_is() -> None:
    async with http_door() as door, InferenceClient(door.server.target) as client:
        now = await client.status()
        assert now.openai_url == f"{door.base}/v1"
        with console.capture() as shown:
            console.print(render(now))
        assert now.openai_url in shown.get()
    async with serving(DEMO) as (_, client):
        assert (await client.status()).openai_url == ""
