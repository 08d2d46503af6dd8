"""Embed, Transcribe, CountTokens over real sockets: pools, fallback, accounts and bounds as for a chat."""

import struct
from typing import Any

import pytest

from antiphon import errors, events
from antiphon.events import Audio, Message
from tests.fakes.upstream.scripted import KEY, ScriptedUpstream, routes
from tests.support.service import serving

HEARD = {
    "text": "Hello there.",
    "language": "en",
    "duration": 2.5,
    "segments": [{"start": 0, "end": 2.5, "text": " Hello there."}],
}
DOWN = {"error": {"message": "overloaded", "type": "server_error"}}
EMBEDDED = {
    "data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}],
    "usage": {"prompt_tokens": 7, "total_tokens": 7},
}


def voice(seconds: float = 2.0) -> bytes:
    """An Ogg/Opus file as far as its pages tell: the head of a voice message and a last page with the position."""
    head = (
        b"OggS\x00\x02"
        + bytes(8)
        + b"\x01\x02\x03\x04"
        + bytes(8)
        + b"\x01\x13OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
    )
    return head + b"OggS\x00\x04" + struct.pack("<q", int(seconds * 48_000) + 312) + bytes(20)


def unary_routes(upstream: ScriptedUpstream, first: str, second: str) -> dict[str, Any]:
    config = routes(upstream, first, second)
    config["routes"] = {"work": config["routes"]["chat"]}
    return config


async def test_a_voice_message_is_written_down_by_the_first_that_can() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("whisper-1", DOWN, status=503)
        upstream.on("whisper-large-v3", HEARD)
        async with serving(unary_routes(upstream, "whisper-1", "whisper-large-v3"), KEY) as (_, client):
            made = await client.transcribe(
                Audio("audio/ogg; codecs=opus", voice()), "work", language="en", prompt="Antiphon", timestamps=True,
                user_id="u1",
            )  # fmt: skip
            assert (made.text, made.language, made.duration) == ("Hello there.", "en", 2.5)
            assert made.segments == (events.Segment(0.0, 2.5, "Hello there."),)
            assert made.deployment == "b/whisper-large-v3"
            assert [(failed_attempt.deployment, failed_attempt.failure) for failed_attempt in made.failed_attempts] == [
                ("a/whisper-1", "overloaded")
            ]
            assert made.usage is not None
            assert made.usage.audio_seconds == 2.5
            (row,) = await client.usage(user_id="u1")
            assert row.deployment == "b/whisper-large-v3"
        body = upstream.of("whisper-large-v3")[0]
        assert (body["file"], body["language"], body["prompt"]) == (voice(), "en", "Antiphon")


async def test_texts_become_vectors_in_their_order() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("text-embed-a", DOWN, status=500)
        upstream.on("text-embed-b", EMBEDDED)
        async with serving(unary_routes(upstream, "text-embed-a", "text-embed-b"), KEY) as (_, client):
            made = await client.embed(["one", "two"], "work", dimensions=2)
            assert made.vectors == ((1.0, 2.0), (3.0, 4.0))
            assert (made.deployment, made.attempts) == ("b/text-embed-b", 2)
            assert made.usage is not None
            assert (made.usage.prompt_tokens, made.usage.estimated) == (7, False)
        assert upstream.of("text-embed-b")[0]["dimensions"] == 2


async def test_an_impossible_request_is_refused_before_a_provider_is_called() -> None:
    async with ScriptedUpstream() as upstream:
        async with serving(unary_routes(upstream, "whisper-1", "text-embed-b"), KEY) as (_, client):
            bad: list[tuple[Any, str]] = [
                (client.transcribe(Audio("audio/ogg", voice(3_600)), "work"), "audio.data"),
                (client.transcribe(Audio("audio/ogg", b"not audio"), "work"), "audio.data"),
                (client.transcribe(Audio("audio/wav", voice()), "work"), "audio.mime_type"),
                (client.transcribe(Audio("audio/ogg", b""), "work"), "audio.data"),
                (client.transcribe(Audio("audio/ogg", voice()), "work", language="English"), "language"),
                (client.transcribe(Audio("audio/ogg", voice()), "work", temperature=3), "temperature"),
                (client.embed([], "work"), "inputs"),
                (client.embed(["x", ""], "work"), "inputs[1]"),
                (client.embed(["x"], "work", dimensions=0), "dimensions"),
                (client.embed(["x"], "work", replay=True, request_id="bad id"), "request_id"),
            ]
            for asked, field in bad:
                with pytest.raises(errors.InvalidRequest) as caught:
                    await asked
                assert field in [name for name, _ in caught.value.violations], caught.value.violations
            with pytest.raises(errors.InvalidRequest, match="60 min"):
                await client.transcribe(Audio("audio/ogg", voice(3_600)), "work")
            with pytest.raises(errors.UnknownModel):
                await client.embed(["x"], "nothing")
            with pytest.raises(errors.Unsupported, match="does not transcribe"):
                await client.transcribe(Audio("audio/ogg", voice()), "b/text-embed-b")
        assert not upstream.bodies


async def test_tokens_are_counted_as_an_estimate_that_says_so() -> None:
    async with ScriptedUpstream() as upstream:
        async with serving(routes(upstream, "m"), KEY) as (_, client):
            short = await client.count_tokens("Hi.")
            turns = [Message.user("A longer question. " * 50), Message.assistant("Yes."), Message.user("Why?")]
            longer = await client.count_tokens(turns, tools=[events.Tool("look_up", "Looks it up. " * 20)])
            without = await client.count_tokens(turns)
            assert short.estimated
            assert short.deployment == "a/m"
            assert 0 < short.tokens < without.tokens < longer.tokens
            with pytest.raises(errors.UnknownModel):
                await client.count_tokens("Hi.", "nothing")
        assert not upstream.bodies
