"""`antiphon chat`: one question, or a conversation on a terminal."""

import asyncio
import signal
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from antiphon import errors, events
from antiphon.cli.output import UsageProblem, client, complain, complaints, console, line
from antiphon.client import InferenceClient
from antiphon.streams import ChatStream

MIMES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
HELP = "Ctrl-C stops an answer, /new begins again, /quit or Ctrl-D ends."


@dataclass(frozen=True)
class Asked:
    prompt: str
    model: str = ""
    system: str = ""
    images: tuple[Path, ...] = ()
    sampling: events.Sampling = field(default_factory=events.Sampling)
    reasoning: bool = False
    timeout: float | None = None
    as_json: bool = False


async def chat(asked: Asked, target: str | None) -> int | None:
    """Raises AntiphonError, UsageProblem or OSError."""
    pictures = [picture(path) for path in asked.images]
    async with client(target) as service:
        if not asked.prompt and sys.stdin.isatty():
            return await converse(service, asked, pictures)
        piped = "" if sys.stdin.isatty() else (await asyncio.to_thread(sys.stdin.read)).strip()
        prompt = "\n\n".join(text for text in (asked.prompt, piped) if text)
        if not prompt and not pictures:
            raise UsageProblem('What is the question? antiphon chat "…", or pipe it in.')
        turns = [
            *([events.Message.system(asked.system)] if asked.system else []),
            events.Message.user(prompt, *pictures),
        ]
        stream = start(service, turns, asked)
        await (print_json(stream) if asked.as_json else show(stream, asked))
        return None


def start(service: InferenceClient, turns: list[events.Message], asked: Asked) -> ChatStream:
    sees = any(isinstance(part, events.Image) for turn in turns for part in turn.parts)
    model = asked.model or ("vision" if sees else "chat")
    return service.chat(turns, model, sampling=asked.sampling, timeout=asked.timeout)


def picture(path: Path) -> events.Image:
    """Raises OSError or UsageProblem."""
    data = path.read_bytes()
    mime = next((mime for magic, mime in MIMES.items() if data.startswith(magic)), None)
    if mime is None:
        raise UsageProblem(f"{path}: not a PNG, JPEG, GIF or WebP picture")
    return events.Image(mime, data)


async def print_json(stream: ChatStream) -> None:
    async for event in stream:
        line(event)


async def show(stream: ChatStream, asked: Asked) -> None:
    """The answer on standard output as it comes; everything else on standard error."""
    out = sys.stdout
    waiting = console.status("…") if out.isatty() and sys.stderr.isatty() else None
    if waiting:
        waiting.start()
    try:
        async for event in stream:
            match event:
                case events.Delta():
                    if waiting:
                        waiting.stop()
                        waiting = None
                    out.write(event.text)
                    out.flush()
                case events.Reasoning() if asked.reasoning:
                    complaints.print(event.text, style="dim", end="", markup=False)
                case events.Progress() if waiting:
                    waiting.update(describe(event))
                case events.Handover() if not event.keep_chars and stream.text == "" and out.isatty():
                    out.write("\n")
                    complaints.print(f"↻ {event.to_deployment} begins again", style="dim", markup=False)
                case events.Notice() if event.kind != "info":
                    complaints.print(event.message, style="dim", markup=False)
                case _:
                    pass
    finally:
        if waiting:
            waiting.stop()
        if stream.text and not stream.text.endswith("\n"):
            out.write("\n")
            out.flush()


def describe(progress: events.Progress) -> str:
    parts = [progress.stage]
    if progress.queue_position:
        parts.append(f"number {progress.queue_position} in the queue")
    if progress.eta:
        parts.append(f"about {progress.eta:.0f} s")
    return ", ".join(parts)


async def converse(service: InferenceClient, asked: Asked, pictures: list[events.Image]) -> int | None:
    """A conversation with its history."""
    console.print(HELP, style="dim")
    first = [events.Message.system(asked.system)] if asked.system else []
    turns = list(first)
    while True:
        try:
            text = (await asyncio.to_thread(input, "> ")).strip()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return None
        if text in ("/quit", "/exit"):
            return None
        if text == "/new":
            turns = list(first)
            console.print("A new conversation.", style="dim")
        elif text.startswith("/"):
            console.print(HELP, style="dim")
        elif text:
            turns.append(events.Message.user(text, *pictures))
            pictures = []
            answer = await _answer(service, turns, asked)
            turns = [*turns, events.Message.assistant(answer)] if answer else turns[:-1]


async def _answer(service: InferenceClient, turns: list[events.Message], asked: Asked) -> str:
    """Shows one answer; Ctrl-C stops it and keeps what came. Errors are told and end nothing."""
    stream = start(service, turns, replace(asked, prompt=""))
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGINT, stream.cancel)
    try:
        await show(stream, asked)
    except errors.AntiphonError as error:
        complain(error)
        return stream.text
    finally:
        if sys.platform != "win32":
            loop.remove_signal_handler(signal.SIGINT)
    return stream.text
