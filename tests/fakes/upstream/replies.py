"""What the misbehaving provider says: its text, plain HTTP answers by the fault's name, stream events, pictures."""

import io
import json
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from PIL import Image

TEXT = (
    "The glacier moves because ice under its own weight is not quite solid: it creeps, layer over layer, "
    "and where the ground is wet it slides. Ёлки стоят тихо 🏔️, and the valley remembers. "
    "In summer the meltwater finds its way below, lifts the ice a little, and the whole mass hurries by a hand's breadth."
)
USAGE = {"prompt_tokens": 11, "completion_tokens": 42, "total_tokens": 53}


@dataclass
class Reply:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None


def error(message: str, kind: str = "invalid_request_error", code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def refusal(name: str, argument: str) -> Reply | None:
    """Faults that are a plain HTTP answer."""
    match name:
        case "401" | "403" | "404" | "410" | "500" | "502" | "504" | "529":
            return Reply(int(name), error(f"status {name}"))
        case "402":
            return Reply(402, error("You have depleted your monthly included credits", code="insufficient_quota"))
        case "429":
            return Reply(
                429, error("Rate limit reached", "rate_limit_error"), {"Retry-After": argument} if argument else {}
            )
        case "429date":
            return Reply(429, error("slow down"), {"Retry-After": formatdate(float(argument), usegmt=True)})
        case "429day":
            return Reply(429, error("Rate limit of 150 per day exceeded"), {"Retry-After": "7200"})
        case "429reset":
            return Reply(
                429, error("limit"), {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": argument}
            )
        case "busy":
            return Reply(429, error("Model busy, retry later"))
        case "503":
            return Reply(503, error("Service unavailable"), {"Retry-After": argument} if argument else {})
        case "loading":
            return Reply(503, {"error": "Model x is currently loading", "estimated_time": float(argument or 20)})
        case "context":
            return Reply(
                400, error("This model's maximum context length is 8192 tokens", code="context_length_exceeded")
            )
        case "bad":
            return Reply(400, error("'temperature' is wrong", code="invalid_value") | {})
        case "filtered":
            return Reply(
                400, error("The response was filtered by the content management policy", code="content_filter")
            )
        case "html":
            return Reply(int(argument or 200), text="<!DOCTYPE html><html><body>Bad gateway</body></html>")
        case "redirect":
            return Reply(302, text="", headers={"Location": "?again"})
        case "gone":
            return Reply(404, error("The model `x` does not exist", code="model_not_found"))
        case "json":
            message = {"role": "assistant", "content": TEXT}
            return Reply(
                200,
                {
                    "object": "chat.completion",
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": USAGE,
                },
            )
        case "errorjson":
            return Reply(200, error("The server is overloaded", "server_error"))
    return None


def event(value: dict[str, Any], *, plain: bool = False) -> bytes:
    """`plain`: characters as UTF-8, not escaped."""
    return b"data: " + json.dumps(value, ensure_ascii=not plain).encode() + b"\n\n"


def choice(finish: str | None = None, **delta: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def png(size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (40, 90, 160)).save(out, "PNG")
    return out.getvalue()
