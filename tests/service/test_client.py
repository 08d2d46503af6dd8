"""The client against a scripted service on a real socket."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from google.rpc import error_details_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon import errors, events
from antiphon.client import InferenceClient
from antiphon.connection import Connection
from antiphon.names import deployment_of, deployments_of
from antiphon.streams import ChatStream, Question
from antiphon.v1 import chat_pb2, common_pb2, models_pb2, usage_pb2
from tests.fakes import inference as fake_inference
from tests.fakes.inference import (
    ScriptedInference,
    answer,
    chat_of,
    collect,
    delta,
    finished,
    handover,
    info,
    pictures,
    refuse,
    retry,
    started,
    tried,
    used,
)


async def test_an_answer_arrives_as_events_and_is_kept_whole(fake: ScriptedInference, client: InferenceClient) -> None:
    fake.on_chat(answer("Foxes ", "are red."))
    stream = client.chat("Tell me about foxes", request_id="mine")
    seen = await collect(stream)
    assert [type(event) for event in seen] == [
        events.Started,
        events.Delta,
        events.Delta,
        events.Usage,
        events.Finished,
    ]
    assert stream.text == "Foxes are red."
    assert stream.request_id == "mine"
    assert stream.deployment == fake_inference.DEPLOYMENT
    assert stream.finished is not None
    assert stream.finished.first_token == pytest.approx(0.05)


async def test_the_whole_request_reaches_the_service(fake: ScriptedInference, client: InferenceClient) -> None:
    turns = [
        events.Message.system("Be brief."),
        events.Message.user("What is this?", events.Image("image/png", b"\x89PNG")),
        events.Message.assistant("A fox."),
        events.Message.user("Sure?"),
    ]
    sampling = events.Sampling(temperature=0.0, top_p=0.7, max_tokens=9, stop=("END",), seed=0)
    await collect(
        client.chat(turns, "vision", sampling=sampling, on_interruption="fail", strict=True, tenant_id="t", user_id="u")
    )
    asked = fake.chats[0]
    assert asked.model == "vision"
    assert [message.role for message in asked.messages] == [
        chat_pb2.ROLE_SYSTEM,
        chat_pb2.ROLE_USER,
        chat_pb2.ROLE_ASSISTANT,
        chat_pb2.ROLE_USER,
    ]
    assert asked.messages[1].parts[0].image.data == b"\x89PNG"
    assert asked.messages[1].parts[1].text == "What is this?"
    assert asked.sampling.HasField("temperature")
    assert asked.sampling.temperature == 0.0
    assert asked.sampling.HasField("seed")
    assert asked.sampling.top_p == 0.7
    assert list(asked.sampling.stop) == ["END"]
    assert asked.on_interruption == chat_pb2.ON_INTERRUPTION_FAIL
    assert asked.unsupported_setting == common_pb2.UNSUPPORTED_SETTING_REFUSE
    assert (asked.caller.tenant_id, asked.caller.user_id) == ("t", "u")
    assert asked.request_id


async def test_settings_that_were_not_chosen_stay_unset(fake: ScriptedInference, client: InferenceClient) -> None:
    await collect(client.chat("Hello"))
    assert not fake.chats[0].HasField("sampling")
    assert not fake.chats[0].on_interruption
    _ = [event async for event in client.image("a fox")]
    for name in ("seed", "steps", "guidance_scale", "input_image"):
        assert not fake.images[0].HasField(name)
    assert fake.images[0].WhichOneof("shape") is None


async def test_a_handover_cuts_the_answer_in_characters_not_bytes(
    fake: ScriptedInference, client: InferenceClient
) -> None:
    fake.on_chat(
        chat_of([started(), delta("Лиса 🦊 рыж"), handover(7), delta("красная"), used(1, 2), used(3, 4), finished(14)])
    )
    stream = client.chat("?")
    seen = await collect(stream)
    assert stream.text == "Лиса 🦊 красная"
    assert stream.deployment == fake_inference.DEPLOYMENT
    assert (stream.usage.prompt_tokens, stream.usage.completion_tokens) == (4, 6)
    moved = next(event for event in seen if isinstance(event, events.Handover))
    assert (moved.keep_chars, moved.reason, moved.to_deployment) == (7, "stream_cut", "fake/two")


pieces = st.lists(st.one_of(st.text(max_size=8), st.integers(0, 12)), max_size=20)


@given(pieces)
@settings(max_examples=80, deadline=None)
def test_every_mixture_of_deltas_and_handovers_is_kept_by_the_one_rule(steps: list[str | int]) -> None:
    """Against the rule said with one string, no socket between."""
    stream = ChatStream(Question(lambda _: None, Connection("nowhere:1"), "r"))
    expected = ""
    for step in steps:
        if isinstance(step, str):
            stream.accept(delta(step))
            expected += step
        else:
            keep = min(step, len(expected))
            stream.accept(handover(keep))
            expected = expected[:keep]
    assert stream.text == expected


async def test_an_answer_of_the_wrong_length_is_an_error(fake: ScriptedInference, client: InferenceClient) -> None:
    fake.on_chat(chat_of([started(), delta("half"), finished(9)]))
    stream = client.chat("?")
    with pytest.raises(errors.AnswerIncomplete, match="4 characters"):
        await collect(stream)
    assert stream.text == "half"


async def test_a_stream_without_its_end_is_interrupted_and_keeps_what_came(
    fake: ScriptedInference, client: InferenceClient
) -> None:
    fake.on_chat(chat_of([started(), delta("Once upon")]))
    with pytest.raises(errors.Interrupted) as caught:
        await collect(client.chat("?"))
    assert caught.value.text == "Once upon"


async def test_events_of_a_newer_contract_are_passed_over(fake: ScriptedInference, client: InferenceClient) -> None:
    newer = chat_pb2.ChatResponse.FromString(bytes([(14 << 3) | 2, 0]))
    fake.on_chat(chat_of([started(), newer, delta("ok"), finished(2)]))
    stream = client.chat("?")
    assert [type(event).__name__ for event in await collect(stream)] == ["Started", "Delta", "Finished"]


async def test_reasoning_progress_and_notices_are_not_the_answer(
    fake: ScriptedInference, client: InferenceClient
) -> None:
    notice = common_pb2.Notice(kind=common_pb2.NOTICE_KIND_DROPPED, field="sampling.seed", message="no seed here")
    queued = common_pb2.Progress(stage="queued", queue_position=4)
    fake.on_chat(
        chat_of(
            [
                started(),
                chat_pb2.ChatResponse(progress=queued),
                chat_pb2.ChatResponse(notice=notice),
                chat_pb2.ChatResponse(reasoning="hmm"),
                delta("yes"),
                finished(3),
            ]
        )
    )
    stream = client.chat("?")
    seen = await collect(stream)
    assert events.Progress("queued", None, 4, None) in seen
    assert events.Notice("dropped", "sampling.seed", "no seed here") in seen
    assert (stream.text, stream.reasoning) == ("yes", "hmm")


STATUS = grpc.StatusCode
REFUSALS = [
    (refuse(STATUS.NOT_FOUND, "no such model", info("UNKNOWN_MODEL")), errors.UnknownModel),
    (refuse(STATUS.FAILED_PRECONDITION, "no", info("CONTENT_REFUSED")), errors.ContentRefused),
    (refuse(STATUS.FAILED_PRECONDITION, "no seed", info("UNSUPPORTED")), errors.Unsupported),
    (refuse(STATUS.UNAUTHENTICATED, "no token", info("TOKEN")), errors.Unauthenticated),
    (refuse(STATUS.PERMISSION_DENIED, "no scope", info("SCOPE")), errors.PermissionDenied),
    (refuse(STATUS.DEADLINE_EXCEEDED, "too slow", info("DEADLINE_EXCEEDED")), errors.DeadlineExceeded),
    (refuse(STATUS.ALREADY_EXISTS, "that id runs", info("RUNNING")), errors.InvalidRequest),
    (refuse(STATUS.INTERNAL, "r-1", info("INTERNAL")), errors.Unavailable),
    (refuse(STATUS.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!"), errors.Unavailable),
    (refuse(STATUS.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 4)"), errors.InvalidRequest),
    (refuse(STATUS.UNIMPLEMENTED, "what?"), errors.ConnectionLost),
]


@pytest.mark.parametrize(
    ("script", "kind"), REFUSALS, ids=[f"{kind.__name__}-{n}" for n, (_, kind) in enumerate(REFUSALS)]
)
async def test_each_status_is_its_own_error(
    fake: ScriptedInference,
    client: InferenceClient,
    script: fake_inference.ChatScript,
    kind: type[errors.AntiphonError],
) -> None:
    fake.on_chat(script)
    with pytest.raises(kind) as caught:
        await collect(client.chat("?", request_id="r-1"))
    assert type(caught.value) is kind
    assert caught.value.message
    assert caught.value.request_id == "r-1"


async def test_an_exhausted_pool_tells_when_to_come_back_and_what_was_tried(
    fake: ScriptedInference, client: InferenceClient
) -> None:
    details = (info("CREDENTIALS_EXHAUSTED"), retry(30), tried(("github/gpt-4o-mini", "rate_limited", 429)))
    fake.on_chat(refuse(STATUS.RESOURCE_EXHAUSTED, "all tokens rest", *details))
    with pytest.raises(errors.QuotaExceeded) as caught:
        await collect(client.chat("?"))
    assert caught.value.retry_after == 30
    assert caught.value.reason == "CREDENTIALS_EXHAUSTED"
    assert caught.value.attempts == (errors.FailedAttempt("github/gpt-4o-mini", "rate_limited", 429, 0.0),)


async def test_a_wrong_request_names_every_field(fake: ScriptedInference, client: InferenceClient) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="sampling.temperature", description="0 to 2")
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    fake.on_chat(refuse(STATUS.INVALID_ARGUMENT, "wrong", bad, info("INVALID")))
    with pytest.raises(errors.InvalidRequest) as caught:
        await collect(client.chat("?"))
    assert list(caught.value.violations) == [("sampling.temperature", "0 to 2")]


async def test_the_words_of_somebody_elses_error_info_are_not_taken_for_ours(
    fake: ScriptedInference, client: InferenceClient
) -> None:
    foreign = error_details_pb2.ErrorInfo(reason="CONTENT_REFUSED", domain="proxy.example")
    fake.on_chat(refuse(STATUS.FAILED_PRECONDITION, "no", foreign))
    with pytest.raises(errors.Unsupported):
        await collect(client.chat("?"))


@pytest.mark.parametrize("wrong", [events.Sampling(seed=2**70), events.Sampling(max_tokens=-1)])
async def test_a_number_that_does_not_fit_the_wire_is_an_invalid_request(
    client: InferenceClient, wrong: events.Sampling
) -> None:
    with pytest.raises(errors.InvalidRequest, match="range"):
        client.chat("?", sampling=wrong)


async def test_half_a_character_and_two_shapes_are_invalid_requests(client: InferenceClient) -> None:
    with pytest.raises(errors.InvalidRequest, match="Unicode"):
        client.chat("\udcff")
    with pytest.raises(errors.InvalidRequest, match="not both"):
        client.image("a fox", size=(64, 64), aspect_ratio=(1, 1))
    with pytest.raises(errors.InvalidRequest):
        client.image("a fox", size=(-1, 64))


async def test_cancelling_reaches_the_service_and_keeps_what_came(
    fake: ScriptedInference, client: InferenceClient
) -> None:
    async def endless(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started()
        yield delta("So far")
        await asyncio.Event().wait()

    fake.on_chat(endless)
    stream = client.chat("?")
    async for event in stream:
        if isinstance(event, events.Delta):
            stream.cancel()
    assert stream.text == "So far"
    assert stream.finished is None
    async with asyncio.timeout(10):
        await fake.cancelled.wait()


async def test_a_reader_who_leaves_ends_the_call(fake: ScriptedInference, client: InferenceClient) -> None:
    async def endless(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        while True:
            yield delta("on and on ")

    fake.on_chat(endless)
    async for _event in client.chat("?"):
        break
    async with asyncio.timeout(10):
        await fake.cancelled.wait()


async def test_a_cancelled_task_stays_cancelled(fake: ScriptedInference, client: InferenceClient) -> None:
    reached = asyncio.Event()

    async def silent(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        reached.set()
        await asyncio.Event().wait()
        yield started()

    fake.on_chat(silent)
    task = asyncio.create_task(collect(client.chat("?")))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_callers_timeout_ends_a_silent_answer(fake: ScriptedInference, client: InferenceClient) -> None:
    async def silent(_: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started()
        await asyncio.Event().wait()

    fake.on_chat(silent)
    with pytest.raises(errors.DeadlineExceeded):
        await collect(client.chat("?", timeout=0.3))


async def test_the_token_and_the_trace_travel_with_the_question(fake: ScriptedInference) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with InferenceClient(fake.target, token="s3cret") as client:
        await collect(client.chat("?", trace_parent=parent))
        await client.models()
    assert fake.metadata[0]["authorization"] == "Bearer s3cret"
    assert fake.metadata[0]["traceparent"] == parent
    assert fake.metadata[1]["authorization"] == "Bearer s3cret"


async def test_pictures_arrive_whole_from_their_chunks(fake: ScriptedInference, client: InferenceClient) -> None:
    first, second = b"\x89PNG" + bytes(range(256)) * 40, b"\x89PNG other"
    fake.on_image(pictures(first, second, chunk=1000))
    stream = client.image("a fox", size=(64, 64), seed=7, count=2, format="png")
    received = [event async for event in stream]
    assert [picture.data for picture in stream.pictures] == [first, second]
    assert [event for event in received if isinstance(event, events.Picture)] == stream.pictures
    assert stream.pictures[1].seed == 1
    assert isinstance(received[-1], events.ImageFinished)
    assert (fake.images[0].size.width, fake.images[0].seed, fake.images[0].count) == (64, 7, 2)


async def test_a_picture_that_lacks_bytes_is_never_handed_out(fake: ScriptedInference, client: InferenceClient) -> None:
    async def short(request: object) -> AsyncIterator[object]:
        async for response in pictures(b"\x89PNG whole picture", chunk=4)(request):  # type: ignore[arg-type] # passed on
            if response.chunk != b" who":
                yield response

    fake.on_image(short)  # type: ignore[arg-type] # a script in spirit
    stream = client.image("a fox")
    with pytest.raises(errors.AnswerIncomplete):
        _ = [event async for event in stream]
    assert stream.pictures == []


async def test_models_are_listed_as_plain_values(fake: ScriptedInference, client: InferenceClient) -> None:
    capabilities = models_pb2.Capabilities(vision=True, context_tokens=8_000)
    fake.listed.models.append(
        models_pb2.Model(
            name="chat",
            aliases=["talk"],
            tasks=[models_pb2.TASK_CHAT],
            deployments=deployments_of(["fake/one"]),
            capabilities=capabilities,
            available=True,
        )
    )
    (model,) = await client.models("chat")
    assert (model.name, model.aliases, model.tasks) == ("chat", ("talk",), ("chat",))
    assert model.capabilities.vision
    assert model.capabilities.context_tokens == 8_000


async def test_usage_status_and_reload_are_asked_of_the_service(
    fake: ScriptedInference, client: InferenceClient
) -> None:
    fake.used.rows.append(usage_pb2.UsageRow(deployment=deployment_of("fake/one"), requests=2, prompt_tokens=10))
    fake.changes.append("routes: chat has changed")
    (row,) = await client.usage(tenant_id="t", since=1_700_000_000.0)
    assert (row.deployment, row.requests, row.prompt_tokens) == ("fake/one", 2, 10)
    assert fake.asked_usage[0].since.seconds == 1_700_000_000
    assert (await client.status()).version == "fake"
    assert await client.reload() == ["routes: chat has changed"]


async def test_a_watched_status_comes_again_and_again(client: InferenceClient) -> None:
    seen = []
    async for status in client.watch_status():
        seen.append(status.live_requests)
        if len(seen) == 2:
            break
    assert seen == [1, 2]


async def test_ready_is_what_the_health_check_says(fake: ScriptedInference, client: InferenceClient) -> None:
    assert await client.ready()
    fake.ready = False
    assert not await client.ready()
