"""A transcript in the formats of OpenAI's API. Pure."""

from typing import Any

import msgspec

from antiphon.v1 import speech_pb2


def seconds(duration: Any) -> float:
    return float(duration.seconds + duration.nanos / 1e9)


def usage(answer: speech_pb2.TranscribeResponse) -> dict[str, Any]:
    return {"type": "duration", "seconds": round(seconds(answer.duration))}


def as_json(answer: speech_pb2.TranscribeResponse, vendor: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"text": answer.text, "usage": usage(answer), "antiphon": vendor})


def as_verbose_json(answer: speech_pb2.TranscribeResponse, vendor: dict[str, Any]) -> bytes:
    segments = [
        {
            "id": number,
            "seek": 0,
            "start": seconds(segment.start),
            "end": seconds(segment.end),
            "text": segment.text,
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": 0.0,
            "compression_ratio": 1.0,
            "no_speech_prob": segment.no_speech if segment.HasField("no_speech") else 0.0,
        }
        for number, segment in enumerate(answer.segments)
    ]
    return msgspec.json.encode(
        {
            "task": "transcribe",
            "language": answer.language,
            "duration": seconds(answer.duration),
            "text": answer.text,
            "segments": segments,
            "usage": usage(answer),
            "antiphon": vendor,
        }
    )


def as_srt(answer: speech_pb2.TranscribeResponse) -> bytes:
    blocks = (
        f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{text}\n"
        for number, (start, end, text) in enumerate(lines(answer), 1)
    )
    return "\n".join(blocks).encode()


def as_vtt(answer: speech_pb2.TranscribeResponse) -> bytes:
    blocks = (f"{clock(start, '.')} --> {clock(end, '.')}\n{text}\n" for start, end, text in lines(answer))
    return "\n".join(("WEBVTT\n", *blocks)).encode()


def lines(answer: speech_pb2.TranscribeResponse) -> list[tuple[float, float, str]]:
    """(start, end, text); a single line if the deployment reported no times."""
    lines = [(seconds(segment.start), seconds(segment.end), segment.text.strip()) for segment in answer.segments]
    if not lines and answer.text.strip():
        lines = [(0.0, seconds(answer.duration), answer.text.strip())]
    return lines


def clock(moment: float, point: str) -> str:
    whole, milliseconds = divmod(round(moment * 1_000), 1_000)
    return f"{whole // 3_600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{milliseconds:03}"
