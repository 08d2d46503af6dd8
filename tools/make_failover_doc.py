"""Writes docs/failover.md from a run: every fault, what the reader received, what the provider saw, what it cost.

`python tools/make_failover_doc.py` starts the real service with two real HTTP providers, the first of which misbehaves.
With --check it only says whether the page is stale (exit code 1); the times are no part of that, they are the machine's.
"""

import asyncio
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from antiphon import errors, events  # noqa: E402 - the path comes first
from antiphon.config.model import Telemetry  # noqa: E402
from antiphon.telemetry.logs import set_up_logs  # noqa: E402
from inference_service.routing.classify import TABLE  # noqa: E402
from tests.fakes.upstream.places import places  # noqa: E402
from tests.fakes.upstream.server import TEXT, FakeUpstream  # noqa: E402
from tests.support.service import KEYS, QUICK, serving, two_providers  # noqa: E402

TARGET = ROOT / "docs" / "failover.md"
BOUND = 0.8  # seconds of silence
STEPS = (0.3, 1.0, 3.0)  # seconds; the page must not change with every machine
REFUSALS = {
    "401": "401", "402": "402, credits gone", "403": "403", "404": "404", "410": "410", "429:60": "429 with a time", "429": "429 without one",
    "429day": "429, quota of the day", "429reset:1m30s": "429 with x-ratelimit-reset 1m30s", "busy": "429 “model busy”", "500": "500", "502": "502",
    "503": "503", "504": "504", "529": "529", "loading:60": "503, model loading for 60 s", "redirect": "a redirect, in a loop",
    "html": "an HTML page with 200", "html:502": "an HTML page with 502", "errorjson": "an error object with 200", "errorfirst": "an error as first event",
    "empty": "an empty answer", "context": "400, context too long",
    "bad": "400, a wrong field", "filtered": "400, content refused", "filteredlate": "refused by a filter in the stream",
}  # fmt: skip
NOBODY = {
    "refused": "connection refused", "dns": "a host name that does not resolve", "badname": "a host name that cannot be one",
    "selfsigned": "TLS, a certificate of nobody", "plain": "TLS, to a port that speaks none", "mutetls": "TLS, a handshake that is never answered",
}  # fmt: skip
BEFORE = {
    "reset": "connection reset before headers", "resetheaders": "connection reset after headers", "nohttp": "an answer that is not HTTP",
    "silent": "no response at all", "headersonly": "headers, then silence", "drip:0": "a byte at a time", "blank:0": "endless blank lines",
    "spaces:0": "an endless line of spaces", "whitespace:0": "endless white space as text", "longline:0": "a line of 10 MB",
    "reasoningcut": "connection ends within the reasoning",
}  # fmt: skip
MIDDLE = {
    "cut:90": "connection cut in the middle", "eof:90": "stream ends without its end", "resetchunk:90": "connection reset inside a chunk",
    "resetcharacter:90": "connection reset inside a UTF-8 character", "badlength:90": "a chunk length that is none",
    "gzipcut:90": "gzip cut short", "gzipgarbled:90": "gzip garbled", "errorlater:90": "an error in the middle", "stall:90": "silence in the middle",
    "drip:90": "a byte at a time from the middle on", "blank:90": "endless blank lines from the middle on",
    "whitespace:90": "endless white space from the middle on", "slow:90": "endlessly slow from the middle on", "longline:90": "a line of 10 MB in the middle",
    "nofinish": "no finish reason at the end", "lostchunk:90": "a malformed chunk that held text", "finishcut:90": "a finish reason, more text, then a cut", "emptyreasons:90": "empty finish reasons, then a cut",
}  # fmt: skip
PECULIAR = {
    "badchunk:40": "a malformed chunk that held none", "nodone": "no end marker", "lingers": "no end, and the connection stays", "resetfinish": "reset behind the finish reason",
    "finishmore:90": "a finish reason, then more text", "usagetwice": "usage twice", "nousage": "no usage reported",
    "type:text/html": "a wrong content type", "gzip": "a compressed stream", "crlf": "CRLF line ends", "comments": "comments between events",
    "json": "JSON although a stream was asked for", "think": "reasoning inside the text",
}  # fmt: skip


class Page:
    """Runs one fault after the other and writes down what happened. `usual`: seconds of an answer without a fault."""

    def __init__(self, usual: float) -> None:
        self._usual = usual

    async def table(self, faults: dict[str, str], preset: str = "vllm") -> list[str]:
        lines = [
            "| fault of `a` | class | the reader receives | calls to `a` | calls to `b` | extra time |",
            "| --- | --- | --- | ---: | ---: | ---: |",
        ]
        for fault, words in faults.items():
            async with FakeUpstream() as upstream:
                lines.append(f"| {words} | {await self._row(upstream, configured(upstream, fault, preset))}")
        return lines

    async def nobody(self) -> list[str]:
        lines = [
            "| `a` is at | class | the reader receives | calls to `b` | extra time |",
            "| --- | --- | --- | ---: | ---: |",
        ]
        async with places() as servers:
            for place, words in NOBODY.items():
                async with FakeUpstream() as upstream:
                    config = configured(upstream, "x", "vllm")
                    config["providers"]["a"]["base_url"] = servers.url(place)
                    row = await self._row(upstream, config)
                    lines.append(f"| {words} | {row.replace('| 0 | 1 |', '| 1 |')}")
        return lines

    async def _row(self, upstream: FakeUpstream, config: dict[str, Any]) -> str:
        async with serving(config, KEYS) as (_, client):
            stream = client.chat("How do glaciers move?")
            handovers: list[events.Handover] = []
            began = time.monotonic()
            try:
                handovers = [event async for event in stream if isinstance(event, events.Handover)]
                failed = stream.finished.failed_attempts if stream.finished else ()
                whole = "the whole answer" if stream.text == TEXT else "**not the whole answer**"
                seen = f"{whole} from `{stream.deployment.partition('/')[0]}`"
                if handovers:
                    seen += ", continued" if handovers[0].keep_chars else ", begun again"
            except errors.AntiphonError as error:
                seen, failed = f"the error `{type(error).__name__}`", error.attempts
            extra = time.monotonic() - began - self._usual
        classes = ", ".join(dict.fromkeys(f"`{attempt.failure}`" for attempt in failed)) or "–"
        return f"{classes} | {seen} | {len(upstream.of('a'))} | {len(upstream.of('b'))} | {rounded(extra)} |"


def rounded(seconds: float) -> str:
    return next((f"< {step:g} s" for step in STEPS if seconds < step), f"{seconds:.0f} s")


def configured(upstream: FakeUpstream, fault: str, preset: str) -> dict[str, Any]:
    config = two_providers(upstream, fault, "ok", preset=preset)
    bounds = {**QUICK, "headers": BOUND, "first_token": BOUND, "idle": BOUND}
    if fault.startswith("slow"):
        bounds |= {"slowest": 100, "slowest_window": BOUND}
    config["routing"]["timeouts"] = bounds
    return config


async def usual() -> float:
    times = []
    async with FakeUpstream() as upstream, serving(configured(upstream, "ok", "vllm"), KEYS) as (_, client):
        for _ in range(5):
            began = time.monotonic()
            async for _event in client.chat("How do glaciers move?"):
                pass
            times.append(time.monotonic() - began)
    return statistics.median(times)


async def page() -> str:
    run = Page(await usual())
    lines = [
        "# What happens when a provider fails",
        "",
        "<!-- Written by `python tools/make_failover_doc.py` from a run. -->",
        "",
        "Two providers, `a` and `b`. The first one has the fault; the second one is well and continues a half-finished answer. Real sockets.",
        "*Calls* are what each provider saw. *Extra time* is what the answer took longer than one without a fault, in coarse steps; silence may last",
        f"{BOUND:g} s in this run, so a fault that is only silence costs that much, and with your `[routing.timeouts]` as much as they say.",
        "",
        "## Instead of an answer", "", *await run.table(REFUSALS),
        "", "## Nobody there", "", *await run.nobody(),
        "", "## Before the first word", "", *await run.table(BEFORE),
        "", "## In the middle of the answer", "", *await run.table(MIDDLE),
        "", "The same where `b` cannot continue a half-finished answer:", "",
        *await run.table({fault: MIDDLE[fault] for fault in ("cut:90", "errorlater:90", "stall:90", "slow:90")}, "plain"),
        "", "## Peculiar, and whole all the same", "", *await run.table(PECULIAR),
        "", "## The table that decides", "", "From `inference_service/routing/classify.py`.", "",
        "| class | credential | deployment's breaker | then |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for kind, row in TABLE.items():
        lines.append(f"| `{kind.value}` | {row.rest.name.lower()} | {row.vote.value} | {row.then.name.lower()} |")
    return "\n".join(lines) + "\n"


def without_times(text: str) -> str:
    return re.sub(r"\| (< )?[\d.]+ s \|$", "|", text, flags=re.MULTILINE)


def main() -> int:
    set_up_logs(Telemetry(log_level="error"), "docs")
    text = asyncio.run(page())
    kept = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    stale = without_times(text) != without_times(kept)
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if stale:
        print("docs/failover.md is stale: run `python tools/make_failover_doc.py`")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
