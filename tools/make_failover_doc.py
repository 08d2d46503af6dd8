"""Writes docs/failover.md from a run: every fault, what the reader received, what the provider saw.

`python tools/make_failover_doc.py` starts the real service with two real HTTP providers, the first of which misbehaves.
"""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from antiphon import errors, events  # noqa: E402 - the path comes first
from antiphon.config.model import Telemetry  # noqa: E402
from antiphon.telemetry.logs import set_up_logs  # noqa: E402
from inference_service.routing.classify import TABLE  # noqa: E402
from tests.fakes.upstream.server import TEXT, FakeUpstream  # noqa: E402
from tests.support.service import KEYS, serving, two_providers  # noqa: E402

TARGET = ROOT / "docs" / "failover.md"
FAULTS = {
    "401": "401", "402": "402, credits gone", "403": "403", "404": "404", "410": "410", "429:60": "429 with a time", "429": "429 without one",
    "429day": "429, quota of the day", "429reset:1m30s": "429 with x-ratelimit-reset 1m30s", "busy": "429 “model busy”", "500": "500", "502": "502",
    "503": "503", "504": "504", "529": "529", "loading:60": "503, model loading for 60 s", "reset": "connection reset before headers",
    "silent": "no response at all", "headersonly": "headers, then silence", "html": "an HTML page with 200", "html:502": "an HTML page with 502",
    "errorjson": "an error object with 200", "errorfirst": "an error as first event", "empty": "an empty answer",
    "context": "400, context too long", "cut:90": "connection cut in the middle", "eof:90": "stream ends without its end",
    "errorlater:90": "an error in the middle", "stall:90": "silence in the middle", "nofinish": "no finish reason at the end",
    "badchunk:40": "one malformed chunk", "nodone": "no end marker", "crlf": "CRLF line ends", "comments": "comments between events",
    "json": "JSON although a stream was asked for", "nousage": "no usage reported", "think": "reasoning inside the text",
    "bad": "400, a wrong field", "filtered": "400, content refused", "filteredlate": "refused by a filter in the stream",
}  # fmt: skip


async def one(fault: str, preset: str) -> str:
    async with (
        FakeUpstream() as upstream,
        serving(two_providers(upstream, fault, "ok", preset=preset), KEYS) as (_, client),
    ):
        stream = client.chat("How do glaciers move?")
        handovers: list[events.Handover] = []
        try:
            handovers = [event async for event in stream if isinstance(event, events.Handover)]
            failed = stream.finished.failed_attempts if stream.finished else ()
            whole = "the whole answer" if stream.text == TEXT else "**not the whole answer**"
            seen = f"{whole} from `{stream.deployment.partition('/')[0]}`"
            if handovers:
                seen += ", continued" if handovers[0].keep_chars else ", begun again"
        except errors.AntiphonError as error:
            seen, failed = f"the error `{type(error).__name__}`", error.attempts
        classes = ", ".join(dict.fromkeys(f"`{attempt.failure}`" for attempt in failed)) or "–"
        return f"{classes} | {seen} | {len(upstream.of('a'))} | {len(upstream.of('b'))} |"


async def page() -> str:
    lines = [
        "# What happens when a provider fails",
        "",
        "<!-- Written by `python tools/make_failover_doc.py` from a run. -->",
        "",
        "Two providers, `a` and `b`. The first one has the fault; the second one is well and continues a half-finished answer. Real sockets;",
        "the bounds on silence are short in this run. *Calls* are what each provider saw.",
        "",
        "| fault of `a` | class | the reader receives | calls to `a` | calls to `b` |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    for fault, words in FAULTS.items():
        lines.append(f"| {words} | {await one(fault, 'vllm')}")
    lines += ["", "The same breaks in the middle where `b` cannot continue a half-finished answer:", ""]
    lines += [
        "| fault of `a` | class | the reader receives | calls to `a` | calls to `b` |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    for fault in ("cut:90", "errorlater:90", "stall:90"):
        lines.append(f"| {FAULTS[fault]} | {await one(fault, 'plain')}")
    lines += ["", "## The table that decides", "", "From `inference_service/routing/classify.py`.", ""]
    lines += ["| class | credential | deployment's breaker | then |", "| --- | --- | --- | --- |"]
    for kind, row in TABLE.items():
        lines.append(f"| `{kind.value}` | {row.rest.name.lower()} | {row.vote.value} | {row.then.name.lower()} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    set_up_logs(Telemetry(log_level="error"), "docs")
    TARGET.write_text(asyncio.run(page()), encoding="utf-8")


if __name__ == "__main__":
    main()
