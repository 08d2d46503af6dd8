"""The table of settings: one truth for the contract, the door, routing and every provider's wire."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from antiphon import events
from antiphon.config.model import ModelConfig
from antiphon.v1 import chat_pb2, image_pb2
from inference_service import settings
from inference_service.domain import Capabilities, ChatRequest, ImageRequest, Message, NoticeKind, Role, TextPart
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.registry import corrected
from inference_service.providers.seam import ChatCall, ImageCall, checked
from inference_service.routing.plan import fit_size, without_unsupported
from inference_service.settings import CHAT, IMAGE, Sampling
from tests.contract.test_provider_suite import CASES, ROWS
from tests.support.provider_suite import Case, bench, good

# Values that appear nowhere else in a request.
CHOSEN: dict[str, Any] = {
    "temperature": 0.375, "top_p": 0.625, "top_k": 37, "max_tokens": 731, "stop": ("HALT",), "seed": 991_827,
    "frequency_penalty": 0.875, "presence_penalty": 0.4375, "reasoning_effort": "medium", "top_logprobs": 13,
    "parallel_tool_calls": False,
}  # fmt: skip
DRAWN: dict[str, Any] = {"negative_prompt": "no rain", "seed": 991_827, "steps": 6, "guidance_scale": 7.25}


def test_the_contract_and_the_client_have_a_field_for_every_row() -> None:
    sampling = {setting.name for setting in CHAT if setting.field.startswith("sampling.")}
    assert {field.name for field in chat_pb2.Sampling.DESCRIPTOR.fields} == sampling
    assert {field.name for field in dataclasses.fields(events.Sampling)} == sampling
    assert set(CHOSEN) == {setting.name for setting in CHAT}
    assert set(CHOSEN) - sampling <= {field.name for field in chat_pb2.ChatRequest.DESCRIPTOR.fields}
    efforts = [name.removeprefix("REASONING_EFFORT_").lower() for name, _ in chat_pb2.ReasoningEffort.items()]
    assert next(setting for setting in CHAT if setting.choices).choices == tuple(efforts[1:])
    image = {field.name for field in image_pb2.ImageRequest.DESCRIPTOR.fields}
    assert {setting.name for setting in IMAGE} <= image


def test_settings_that_are_set_are_read_and_others_are_not() -> None:
    flat = {**CHOSEN, "reasoning_effort": chat_pb2.REASONING_EFFORT_MEDIUM}
    parallel = flat.pop("parallel_tool_calls")
    whole = chat_pb2.ChatRequest(sampling=chat_pb2.Sampling(**flat), parallel_tool_calls=parallel)
    assert settings.taken(whole) == Sampling(CHOSEN)
    assert settings.taken(chat_pb2.ChatRequest()) == Sampling()
    zero = settings.taken(chat_pb2.ChatRequest(sampling=chat_pb2.Sampling(temperature=0, seed=0)))
    assert zero.values == {"temperature": 0, "seed": 0}
    assert settings.wanted(zero) == {"sampling.temperature", "sampling.seed"}
    assert zero.without(["sampling.seed"]) == Sampling({"temperature": 0})


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("temperature", [0, 2, 1.5], [-0.1, 2.1, float("nan"), float("inf")]),
        ("top_p", [0.01, 1], [0, 1.1, -1, float("nan")]),
        ("top_k", [1, 1_000], [0, 1_001]),
        ("max_tokens", [1, 1_000_000], [0, 1_000_001]),
        ("seed", [0, 2**64 - 1], []),
        ("frequency_penalty", [-2, 0, 2], [-2.1, 2.1, float("nan")]),
        ("presence_penalty", [-2, 0, 2], [-2.1, 2.1, float("nan")]),
        ("reasoning_effort", ["none", "low", "medium", "high"], [5, 99]),
        ("top_logprobs", [0, 20], [21]),
        ("stop", [("a",), ("a" * 256,) * 4], [("a",) * 5, ("",), ("a" * 257,)]),
    ],
)
def test_the_door_refuses_what_is_out_of_range(name: str, allowed: list[Any], refused: list[Any]) -> None:
    for value in allowed:
        assert not list(settings.violations(Sampling({name: value})))
    for value in refused:
        (problem,) = settings.violations(Sampling({name: value}))
        assert problem[0].startswith(f"sampling.{name}")
        assert "allowed" in problem[1] or "is not one of" in problem[1]


def test_configuration_names_settings_by_their_field() -> None:
    can = Capabilities(chat=True, settings=settings.CHAT_SETTINGS)
    assert "sampling.seed" not in corrected(can, ModelConfig(drop_settings=["sampling.seed"])).settings
    with pytest.raises(ValueError, match=r"sampling\.sede"):
        corrected(can, ModelConfig(drop_settings=["sampling.sede"]))


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


async def sent(case: Case, call: Any) -> list[str]:
    """Every value in the request that the provider of a case sends for a call, as text."""
    async with bench(case) as made:
        made.answer_with(*good(case))
        chat = isinstance(call, ChatCall)
        async with contextlib.aclosing(checked(made.provider.chat(call) if chat else made.provider.image(call))) as seen:  # fmt: skip
            assert [event async for event in seen]
        query = parse_qs(urlsplit(made.server.requests[-1].split()[1].decode()).query)
        body = json.loads(made.server.bodies[-1] or b"{}")
        return [str(value) for value in leaves([body, query])]


def chat_request(**more: Any) -> ChatRequest:
    return ChatRequest("r", "m", (Message(Role.USER, (TextPart("hi"),)),), sampling=Sampling(CHOSEN), **more)


CHATTING = {**ROWS, **{name: case for name, case in CASES.items() if case.words is not None}}


@pytest.mark.parametrize("name", CHATTING)
async def test_every_declared_setting_of_a_chat_is_on_the_wire_and_every_other_is_reported(name: str) -> None:
    case = CHATTING[name]
    async with bench(case) as made:
        can = made.provider.capabilities(case.model)
    request, notices = without_unsupported(chat_request(), can)
    values = await sent(case, ChatCall(request, case.model, "secret"))
    for setting in CHAT:
        value = CHOSEN[setting.name]
        seen = str(value[0] if setting.most else value) in values
        assert seen == (setting.field in can.settings), setting.field
    told = {notice.field for notice in notices if notice.kind is NoticeKind.DROPPED}
    assert told == {setting.field for setting in CHAT} - can.settings


DRAWING = {name: case for name, case in CASES.items() if case.picture is not None}


@pytest.mark.parametrize("name", DRAWING)
async def test_every_declared_setting_of_a_picture_is_on_the_wire_and_every_other_is_reported(name: str) -> None:
    case = DRAWING[name]
    async with bench(case) as made:
        can = made.provider.capabilities(case.model)
    asked = ImageRequest("r", "m", "a fox", size=(1024, 512), **DRAWN)
    request, notices = without_unsupported(asked, can)
    size, _ = fit_size(request, can)
    values = await sent(case, ImageCall(request, case.model, "secret", size=size))
    for field, value in DRAWN.items():
        assert (str(value) in values) == (field in can.settings), field
    if "size" in can.settings:
        assert size is not None
        assert {str(size[0]), str(size[1])} <= set(values) or f"{size[0]}x{size[1]}" in values
    told = {notice.field for notice in notices}
    assert told == {*DRAWN, "size"} - can.settings


async def test_a_changed_value_is_reported_or_refused_if_the_caller_is_strict() -> None:
    asked = chat_request()
    hot = Sampling({"temperature": 1.9})
    for strict in (False, True):
        request = ChatRequest(asked.request_id, "m", asked.messages, sampling=hot, strict=strict)
        async with bench(CASES["mistral"]) as made:
            made.answer_with(*good(CASES["mistral"]))
            events_of = checked(made.provider.chat(ChatCall(request, "m", "secret")))
            if strict:
                with pytest.raises(UpstreamFailure) as caught:
                    [event async for event in events_of]
                assert caught.value.kind is FailureKind.UNSUPPORTED
                assert not made.server.requests
            else:
                received = [event async for event in events_of]
                (notice,) = [event for event in received if getattr(event, "field", "") == "sampling.temperature"]
                assert notice.kind is NoticeKind.CHANGED
                assert json.loads(made.server.bodies[-1])["temperature"] == 1.5
