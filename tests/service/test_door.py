"""The gRPC door: validation, errors, callers, limits, health, reflection, reload, drain."""

import asyncio
import re

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from antiphon import errors, events
from antiphon.client import InferenceClient
from antiphon.config.model import Config
from antiphon.v1 import chat_pb2, image_pb2, inference_service_pb2_grpc
from inference_service.server import Server, StartProblem
from tests.fakes.upstream.server import TEXT, FakeUpstream, png
from tests.support.service import KEYS, serving, two_providers
from tests.support.waiting import holds, status_where

DEMO = {"embedded": {"characters_per_second": 0, "image_seconds": 0}}


async def failing(stream: object) -> errors.AntiphonError:
    with pytest.raises(errors.AntiphonError) as caught:
        async for _event in stream:  # type: ignore[attr-defined]
            pass
    return caught.value


async def test_the_demo_voice_answers_without_any_key_and_says_what_it_is() -> None:
    async with serving(DEMO) as (_, client):
        english, russian = client.chat("How are you?"), client.chat("Как дела?")
        for stream in (english, russian):
            async for _event in stream:
                pass
        assert "offline demo voice" in english.text
        assert "демонстрационный голос" in russian.text
        assert english.finished is not None
        assert english.finished.total_chars == len(english.text)
        assert english.usage.completion_tokens > 0


async def test_the_same_seed_paints_the_same_picture_with_progress_and_previews() -> None:
    async with serving(DEMO) as (_, client):
        pictures = []
        for _ in range(2):
            stream = client.image("a fox", size=(320, 200), seed=7)
            received = [event async for event in stream]
            assert {type(event) for event in received} >= {
                events.Started,
                events.Progress,
                events.Preview,
                events.Picture,
                events.ImageFinished,
            }
            pictures.append(stream.pictures[0])
        assert pictures[0].data == pictures[1].data
        assert (pictures[0].width, pictures[0].height, pictures[0].seed) == (320, 200, 7)


BAD_CHATS = [
    ({"model": ""}, "model"),
    ({"messages": []}, "messages"),
    ({"messages": [chat_pb2.Message(role=2)]}, "messages[0].parts"),
    ({"messages": [chat_pb2.Message(role=0, parts=[chat_pb2.Part(text="x")])]}, "messages[0].role"),
    ({"messages": [chat_pb2.Message(role=3, parts=[chat_pb2.Part(text="x")])]}, "messages[0].role"),
    ({"messages": [chat_pb2.Message(role=2, parts=[chat_pb2.Part(text="")])]}, "messages[0].parts[0].text"),
    (
        {
            "messages": [
                chat_pb2.Message(
                    role=2, parts=[chat_pb2.Part(image=chat_pb2.InlineImage(mime_type="image/jpeg", data=png()))]
                )
            ]
        },
        "messages[0].parts[0].image.mime_type",
    ),
    (
        {
            "messages": [
                chat_pb2.Message(
                    role=2, parts=[chat_pb2.Part(image=chat_pb2.InlineImage(mime_type="image/png", data=png()[:20]))]
                )
            ]
        },
        "messages[0].parts[0].image.data",
    ),
    ({"sampling": chat_pb2.Sampling(temperature=2.5)}, "sampling.temperature"),
    ({"sampling": chat_pb2.Sampling(top_p=float("nan"))}, "sampling.top_p"),
    ({"sampling": chat_pb2.Sampling(stop=["a"] * 5)}, "sampling.stop"),
    ({"request_id": "with space"}, "request_id"),
    ({"on_interruption": 99}, "on_interruption"),
]


@pytest.mark.parametrize(("change", "field"), BAD_CHATS)
async def test_every_wrong_field_is_named(change: dict[str, object], field: str) -> None:
    good = {"model": "chat", "messages": [chat_pb2.Message(role=2, parts=[chat_pb2.Part(text="hi")])]}
    async with serving(DEMO) as (server, _), grpc.aio.insecure_channel(server.target) as channel:
        stub = inference_service_pb2_grpc.InferenceServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _response in stub.Chat(chat_pb2.ChatRequest(**{**good, **change})):
                pass
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert str(caught.value.details()).startswith(f"{field}: ")


async def test_all_violations_of_a_picture_order_come_at_once() -> None:
    async with serving(DEMO) as (_, client):
        error = await failing(client.image("", size=(10, 9_000), steps=999, guidance_scale=90, count=9, max_bytes=5))
        assert isinstance(error, errors.InvalidRequest)
        assert {field for field, _ in error.violations} == {
            "prompt",
            "size.width",
            "size.height",
            "steps",
            "guidance_scale",
            "count",
            "max_bytes",
        }


async def test_an_unknown_model_is_reported_with_the_nearest() -> None:
    async with serving(DEMO) as (_, client):
        error = await failing(client.chat("hi", "chta"))
        assert isinstance(error, errors.UnknownModel)
        assert "chat" in error.message


async def test_fifty_milliseconds_are_a_deadline_that_holds() -> None:
    async with (
        FakeUpstream() as upstream,
        serving(two_providers(upstream, "silent", "silent"), KEYS) as (_, client),
    ):
        assert isinstance(await failing(client.chat("hi", timeout=0.05)), errors.DeadlineExceeded)
        await status_where(client, lambda status: not status.live_requests)


async def test_a_running_request_id_is_refused() -> None:
    async with FakeUpstream() as upstream, serving(two_providers(upstream, "held", "ok"), KEYS) as (_, client):
        first = client.chat("hi", request_id="mine", timeout=20)
        task = asyncio.create_task(anext(aiter(first), None))
        await upstream.arrived.wait()
        error = await failing(client.chat("hi", request_id="mine"))
        assert "is running" in error.message
        upstream.hold.set()
        await task


CALLERS = {
    "service": {
        "callers": {
            "bot": {"token_env": "BOT", "scopes": ["chat"], "requests_per_minute": 3},
            "boss": {"token_env": "BOSS", "scopes": ["chat", "image", "operate"], "tokens_per_day": 10},
        }
    },
    **DEMO,
}
TOKENS = {"BOT": "bot-token", "BOSS": "boss-token"}


async def test_callers_need_their_token_and_stay_in_their_scope() -> None:
    async with serving(CALLERS, TOKENS) as (server, nobody):
        assert isinstance(await failing(nobody.chat("hi")), errors.Unauthenticated)
        async with InferenceClient(server.target, "wrong") as wrong:
            assert isinstance(await failing(wrong.chat("hi")), errors.Unauthenticated)
        async with InferenceClient(server.target, "bot-token") as bot:
            assert isinstance(await failing(bot.image("fox")), errors.PermissionDenied)
            with pytest.raises(errors.PermissionDenied):
                await bot.status()
            assert await bot.models()


async def test_a_callers_rate_and_budget_end_with_the_time_to_wait() -> None:
    async with serving(CALLERS, TOKENS) as (server, _):
        async with InferenceClient(server.target, "bot-token") as bot:
            for _ in range(3):
                async for _event in bot.chat("hi"):
                    pass
            error = await failing(bot.chat("hi"))
            assert isinstance(error, errors.QuotaExceeded)
            assert error.retry_after is not None
            assert 0 < error.retry_after <= 60
        async with InferenceClient(server.target, "boss-token") as boss:
            async for _event in boss.chat("hi"):
                pass
            error = await failing(boss.chat("hi"))
            assert "tokens a day" in error.message
            rows = await boss.usage()
            assert [(row.deployment, row.requests) for row in rows] == [("embedded/demo", 4)]


@pytest.mark.parametrize(
    ("service", "text"),
    [
        ({"host": "0.0.0.0"}, "or set service.insecure = true to accept the risk"),
        ({"tls": {"certificate": "/nowhere/x.pem", "key": "/nowhere/y.pem"}}, "cannot be read"),
    ],
)
async def test_an_unsafe_or_broken_door_does_not_open(service: dict[str, object], text: str) -> None:
    server = Server(Config.model_validate({"service": {"port": 0, **service}}), {})
    with pytest.raises(StartProblem, match=re.escape(text)):
        await server.start()


async def test_a_taken_port_is_said() -> None:
    async with serving(DEMO) as (server, _):
        second = Server(Config.model_validate({"service": {"port": int(server.target.rpartition(":")[2])}}), {})
        with pytest.raises(StartProblem, match="port is in use"):
            await second.start()


async def test_mutual_tls_admits_only_callers_with_a_certificate(tmp_path) -> None:  # type: ignore[no-untyped-def]
    authority = trustme.CA()
    mine = authority.issue_cert("localhost", "127.0.0.1")
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    (tmp_path / "chain.pem").write_bytes(b"".join(cert_chain_pem.bytes() for cert_chain_pem in mine.cert_chain_pems))
    (tmp_path / "key.pem").write_bytes(mine.private_key_pem.bytes())
    paths = {
        "certificate": str(tmp_path / "chain.pem"),
        "key": str(tmp_path / "key.pem"),
        "client_ca": str(tmp_path / "ca.pem"),
    }
    async with serving({"service": {"tls": paths}, **DEMO}) as (server, _):
        config = {
            "client": {
                "target": server.target,
                "ca": paths["client_ca"],
                "certificate": paths["certificate"],
                "key": paths["key"],
                "server_name": "localhost",
            }
        }
        async with InferenceClient.from_config(Config.model_validate(config), {}) as known:
            assert await known.models()
        stranger = {"client": {"target": server.target, "ca": paths["client_ca"], "server_name": "localhost"}}
        async with InferenceClient.from_config(Config.model_validate(stranger), {}) as unknown:
            with pytest.raises(errors.AntiphonError):
                await unknown.models()


async def test_health_tells_alive_from_ready_and_reflection_lists_both_services() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "503", "503")
        async with serving(config, KEYS) as (server, client), grpc.aio.insecure_channel(server.target) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            ready = health_pb2.HealthCheckRequest(service="antiphon.v1.InferenceService")
            assert (await health.Check(ready)).status == health_pb2.HealthCheckResponse.SERVING
            for _ in range(3):  # until both breakers are open
                await failing(client.chat("hi", timeout=2))
            async for change in health.Watch(ready):
                if change.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                    break
            assert (
                await health.Check(health_pb2.HealthCheckRequest())
            ).status == health_pb2.HealthCheckResponse.SERVING
            for name in ("v1", "v1alpha"):
                listed = channel.stream_stream(f"/grpc.reflection.{name}.ServerReflection/ServerReflectionInfo")
                answer = await anext(aiter(listed(iter([b"\x3a\x00"]))))
                assert b"antiphon.v1.InferenceService" in answer
                assert b"antiphon.v1.OperationsService" in answer


async def test_a_reload_takes_new_tokens_drops_nothing_and_a_bad_file_changes_nothing(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async with FakeUpstream() as upstream:
        file = tmp_path / "antiphon.toml"
        text = f'[providers.a]\nkind = "openai"\nbase_url = "{upstream.base("a")}"\nmodels = ["held"]\ncredentials_env = ["A_KEY"]\n[service]\nport = 0\nstatus_page = false\nhttp = false\n'
        file.write_text(text)
        environ = {"A_KEY": "one-token-000001"}
        from antiphon.config.load import load_config

        server = Server(load_config(file, environ), environ, file)
        await server.start()
        async with InferenceClient(server.target) as client:
            stream = client.chat("hi")
            answer = asyncio.create_task(anext(aiter(stream), None))
            await upstream.arrived.wait()
            file.write_text(text + "[nonsense]\n")
            with pytest.raises(errors.InvalidRequest, match="nonsense"):
                await client.reload()
            server._environ["A_KEY1"] = "two-token-000002"
            file.write_text(text + '[routes.quick]\nalias_of = "chat"\n')
            changes = await client.reload()
            assert any("A_KEY1" in change for change in changes)
            upstream.hold.set()
            await answer
            assert [credential.name for credential in (await client.status()).providers[0].credentials] == [
                "A_KEY …0001",
                "A_KEY1 …0002",
            ]
        await server.stop(1)


async def test_draining_lets_streams_finish_and_refuses_new_ones() -> None:
    async with FakeUpstream() as upstream:
        server = Server(
            Config.model_validate(
                {"service": {"port": 0, "status_page": False, "http": False}, **two_providers(upstream, "held", "ok")}
            ),
            KEYS,
        )
        await server.start()
        async with InferenceClient(server.target) as client:
            stream = client.chat("hi")
            started = asyncio.Event()

            async def read() -> None:
                async for _event in stream:
                    started.set()

            reading = asyncio.create_task(read())
            await upstream.arrived.wait()
            stopping = asyncio.create_task(server.stop(10))
            await holds(lambda: server.shared.door.draining)
            upstream.hold.set()
            await reading
            assert stream.text == TEXT
            await stopping


async def test_a_stream_that_outlasts_the_grace_ends_with_a_clear_status() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "stall:90", "ok")
        config["routing"]["timeouts"] = {**config["routing"]["timeouts"], "idle": 60}
        server = Server(
            Config.model_validate({"service": {"port": 0, "status_page": False, "http": False}, **config}), KEYS
        )
        await server.start()
        async with InferenceClient(server.target) as client:
            stream = client.chat("hi")
            begun = asyncio.Event()

            async def read() -> errors.AntiphonError:
                with pytest.raises(errors.AntiphonError) as caught:
                    async for event in stream:
                        if isinstance(event, events.Delta):
                            begun.set()
                return caught.value

            reading = asyncio.create_task(read())
            await begun.wait()
            await server.stop(1.2)
            error = await reading
            assert "shutting down" in error.message
            assert error.retry_after is not None


async def test_strict_callers_are_refused_and_others_get_a_notice_of_what_was_dropped() -> None:
    async with serving(DEMO) as (_, client):
        chosen = events.Sampling(temperature=1.0)
        notices = [event async for event in client.chat("hi", sampling=chosen) if isinstance(event, events.Notice)]
        assert [(notice.kind, notice.field) for notice in notices] == [("dropped", "sampling.temperature")]
        error = await failing(client.chat("hi", sampling=chosen, strict=True))
        assert isinstance(error, errors.Unsupported)
        assert "sampling.temperature" in error.message


async def test_a_picture_fits_the_format_and_the_bytes_that_were_asked_for() -> None:
    async with serving(DEMO) as (_, client):
        stream = client.image("a fox", size=(1024, 1024), format="jpeg", max_bytes=20_000)
        notices = [event async for event in stream if isinstance(event, events.Notice)]
        assert stream.pictures[0].mime == "image/jpeg"
        assert len(stream.pictures[0].data) <= 20_000
        assert [notice.field for notice in notices] == ["max_bytes"]
        assert image_pb2.ImageFormat.values()


async def test_a_picture_of_sixty_megabytes_is_refused_with_its_field() -> None:
    async with serving(DEMO) as (_, client):
        huge = events.Image("image/png", png() + bytes(60_000_000))
        error = await failing_to_start(client, huge)
        assert [field for field, _ in error.violations] == ["messages[0].parts[0].image.data"]


async def failing_to_start(client: InferenceClient, picture: events.Image) -> errors.InvalidRequest:
    with pytest.raises(errors.InvalidRequest) as caught:
        async for _event in client.chat([events.Message.user("what?", picture)]):
            pass
    return caught.value
