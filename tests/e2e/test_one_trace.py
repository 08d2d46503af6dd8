"""From a person in Discord to the provider in one trace, whose ids the logs and the provider see too."""

import json
from pathlib import Path

from tests.e2e.conftest import Stage, environment
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.collector import collecting, value
from tests.support.processes import running

PROMPT = "canary question of a trace"


async def test_one_trace_goes_from_the_bot_to_the_provider_and_the_logs_carry_its_ids(tmp_path: Path) -> None:
    async with FakeDiscord() as discord, FakeUpstream() as upstream, collecting() as collector:
        guild = discord.add_guild()
        channel, maria = discord.add_text_channel(guild, "general"), discord.add_user("Maria")
        discord.join(guild, maria)
        upstream.behaviour["voice"] = "ok"
        traced = {
            "ANTIPHON__TELEMETRY__OTLP_ENDPOINT": collector.endpoint,
            "ANTIPHON__TELEMETRY__LOG_LEVEL": "debug",
            "ANTIPHON__TELEMETRY__LOG_FORMAT": "json",
        }
        async with running(
            "inference_service", directory=tmp_path, environ={**environment(upstream, "voice"), **traced}
        ) as service:
            target = (await service.line("ready: ")).split()[1]
            stage = Stage(discord, upstream, guild, channel, maria, tmp_path, target, service)
            async with running("discord_bot", directory=tmp_path, environ={**stage.bot_environment, **traced}) as bot:
                await bot.line("ready: ")
                await discord.ready()
                await maria.slash(channel, "chat", prompt=PROMPT)
                answer = await stage.finished(await stage.thread())
                assert TEXT in answer.content
        spans = [(name, span) for name, span in collector.spans if value(span, "antiphon.request_id")]
        # The bot may ask again, for a title: the first of its questions is the person's.
        question = min(
            (span for name, span in spans if name == "antiphon-bot"), key=lambda one: one.start_time_unix_nano
        )
        pressed = next(span for _, span in collector.spans if span.span_id == question.parent_span_id)
        assert pressed.name == "command chat"
        assert pressed.start_time_unix_nano <= question.start_time_unix_nano
        assert pressed.end_time_unix_nano >= question.end_time_unix_nano
        served = next(span for name, span in spans if name == "antiphon" and span.parent_span_id == question.span_id)
        call = next(span for _, span in collector.spans if span.parent_span_id == served.span_id)
        assert {span.trace_id for span in (pressed, question, served, call)} == {question.trace_id}
        assert value(call, "antiphon.deployment") == "a/voice"
        trace_id, request_id = question.trace_id.hex(), value(question, "antiphon.request_id")
        assert value(served, "antiphon.request_id") == request_id

        asked = next(one for one in upstream.of("a") if trace_id in one.trace_parent)
        assert asked.trace_parent.startswith(f"00-{trace_id}-{served.span_id.hex()}-")

        logged = [json.loads(line) for line in service.errors if line.startswith("{")]
        mine = [line for line in logged if line.get("request_id") == request_id]
        assert {line["trace_id"] for line in mine} == {trace_id}
        assert PROMPT.encode() not in collector.raw
