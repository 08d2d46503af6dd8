"""Vectors and transcripts through the OpenAI-compatible door."""

import base64
import struct
from typing import Any

import aiohttp

from tests.fakes.upstream.scripted import KEY, ScriptedUpstream
from tests.service.test_unary import DOWN, EMBEDDED, HEARD, unary_routes, voice
from tests.support.http import Answer, Door, http_door


def form(recording: bytes = b"", **texts: Any) -> aiohttp.FormData:
    data = aiohttp.FormData(default_to_multipart=True)
    if recording:
        data.add_field("file", recording, filename="voice.ogg", content_type="audio/ogg")
    for name, value in texts.items():
        data.add_field(name, value)
    return data


async def transcribe(door: Door, recording: bytes, **texts: Any) -> Answer:
    return await door.ask("POST", "/v1/audio/transcriptions", data=form(recording, **texts))


async def test_texts_become_vectors_as_numbers_and_packed() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("text-embed-a", DOWN, status=500)
        upstream.on("text-embed-b", EMBEDDED)
        async with http_door(unary_routes(upstream, "text-embed-a", "text-embed-b"), KEY) as door:
            asked = {"model": "work", "input": ["one", "two"], "dimensions": 2}
            answer = await door.ask("POST", "/v1/embeddings", json=asked)
            assert answer.status == 200, answer.text
            assert answer.json["object"] == "list"
            assert [(one["index"], one["object"], one["embedding"]) for one in answer.json["data"]] == [
                (0, "embedding", [1.0, 2.0]),
                (1, "embedding", [3.0, 4.0]),
            ]
            assert answer.json["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
            assert answer.headers["x-antiphon-deployment"] == "b/text-embed-b"
            packed = await door.ask("POST", "/v1/embeddings", json={**asked, "encoding_format": "base64"})
            assert struct.unpack("<2f", base64.b64decode(packed.json["data"][1]["embedding"])) == (3.0, 4.0)
            empty = await door.ask("POST", "/v1/embeddings", json={"model": "work", "input": ["x", ""]})
            assert (empty.status, empty.error["param"]) == (400, "input[1]")


async def test_a_recording_is_written_down_in_every_format() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("whisper-1", DOWN, status=503)
        upstream.on("whisper-large-v3", HEARD)
        config = unary_routes(upstream, "whisper-1", "whisper-large-v3")
        config["routes"]["transcribe"] = {"deployments": ["b/whisper-large-v3"]}
        async with http_door(config, KEY) as door:
            plain = await transcribe(
                door, voice(), model="work", language="en", prompt="Antiphon", chunking_strategy="auto"
            )
            assert plain.status == 200, plain.text
            assert plain.json["text"] == "Hello there."
            assert plain.json["usage"] == {"type": "duration", "seconds": 2}
            assert plain.headers["x-antiphon-ignored"] == "chunking_strategy"
            assert plain.headers["x-antiphon-attempts"] == "2"
            verbose = await transcribe(door, voice(), model="work", response_format="verbose_json")
            assert (verbose.json["language"], verbose.json["duration"]) == ("en", 2.5)
            assert [(segment["id"], segment["start"], segment["end"]) for segment in verbose.json["segments"]] == [
                (0, 0.0, 2.5)
            ]
            text = await transcribe(door, voice(), model="work", response_format="text")
            assert text.text == "Hello there.\n"
            srt = await transcribe(door, voice(), model="work", response_format="srt")
            assert srt.text == "1\n00:00:00,000 --> 00:00:02,500\nHello there.\n"
            vtt = await transcribe(door, voice(), model="work", response_format="vtt")
            assert vtt.headers["content-type"].startswith("text/vtt")
            streamed = await transcribe(door, voice(), model="work", stream="true")
            assert [event["type"] for event in streamed.events] == ["transcript.text.delta", "transcript.text.done"]


async def test_the_name_that_most_clients_send_reaches_the_route_for_recordings() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.on("whisper-large-v3", HEARD)
        config = unary_routes(upstream, "whisper-large-v3", "text-embed-b")
        config["routes"]["transcribe"] = {"deployments": ["a/whisper-large-v3"]}
        async with http_door(config, KEY) as door:
            assert (await transcribe(door, voice(), model="whisper-1")).json["text"] == "Hello there."


async def test_an_unusable_recording_is_named_and_no_provider_is_called() -> None:
    async with ScriptedUpstream() as upstream:
        async with http_door(unary_routes(upstream, "whisper-1", "text-embed-b"), KEY) as door:
            for recording, texts, param in (
                (voice(3_600), {}, "file"),
                (b"not audio", {}, "file"),
                (b"", {}, "file"),
                (voice(), {"language": "English"}, "language"),
                (voice(), {"temperature": "3"}, "temperature"),
                (voice(), {"temperature": "warm"}, "temperature"),
                (voice(), {"response_format": "doc"}, "response_format"),
            ):
                answer = await transcribe(door, recording, model="work", **texts)
                assert (answer.status, answer.error["param"]) == (400, param), answer.text
            assert (await door.ask("POST", "/v1/audio/transcriptions", json={"model": "work"})).status == 400
        assert not upstream.bodies
