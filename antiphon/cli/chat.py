"""`antiphon chat`: one question, or a conversation on a terminal."""

import asyncio
import contextlib
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from antiphon import errors, events
from antiphon.cli.output import (
    UsageProblem,
    client,
    complain,
    complaints,
    console,
    exit_code,
    line,
    plain,
    run_to_exit_code,
)
from antiphon.client import InferenceClient
from antiphon.streams import ChatStream

MIMES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
HELP = "Ctrl-C stops an answer, /new begins again, /quit or Ctrl-D ends."
PROMPT = "> "


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


def chat(asked: Asked, target: str | None) -> int:
    """The exit code. Without a question on a terminal it is a conversation."""
    talks = not asked.prompt and not asked.as_json and sys.stdin is not None and sys.stdin.isatty()
    if talks:
        return exit_code(lambda: _converse(asked, target))
    return run_to_exit_code(_ask(asked, target), as_json=asked.as_json)


async def _ask(asked: Asked, target: str | None) -> None:
    """Raises AntiphonError, ConfigError, UsageProblem or OSError."""
    pictures = [picture(path) for path in asked.images]
    prompt = "\n\n".join(text for text in (asked.prompt, await asyncio.to_thread(_piped)) if text)
    if not prompt and not pictures:
        raise UsageProblem('What is the question? antiphon chat "…", or pipe it in.')
    turns = [*_instructions(asked), events.Message.user(prompt, *pictures)]
    async with client(target) as service:
        stream = _start(service, turns, asked)
        if asked.as_json:
            async for event in stream:
                line(event)
        else:
            await _show(stream, asked)


def _piped() -> str:
    """Standard input, where it is no terminal. Raises UsageProblem."""
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    try:
        return sys.stdin.buffer.read().decode().strip()
    except UnicodeDecodeError:
        raise UsageProblem("Standard input is not text. Pictures are given with --image.") from None


def _instructions(asked: Asked) -> list[events.Message]:
    return [events.Message.system(asked.system)] if asked.system else []


def _start(service: InferenceClient, turns: list[events.Message], asked: Asked) -> ChatStream:
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


async def _show(stream: ChatStream, asked: Asked) -> None:
    """The answer on standard output as it comes; everything else on standard error."""
    waiting = console.status("…") if sys.stdout.isatty() and sys.stderr.isatty() else contextlib.nullcontext()
    shown = 0  # characters of the answer that stand on the screen
    with contextlib.ExitStack() as until_text:
        until_text.enter_context(waiting)
        try:
            async for event in stream:
                match event:
                    case events.Delta():
                        until_text.close()
                        _write(event.text)
                        shown += len(event.text)
                    case events.Reasoning() if asked.reasoning:
                        until_text.close()
                        complaints.print(plain(event.text), style="dim", end="")
                    case events.Progress() if not shown and not isinstance(waiting, contextlib.nullcontext):
                        waiting.update(describe(event))
                    case events.Handover() if event.keep_chars < shown:
                        # What is printed cannot be taken back: the kept part is said again below.
                        _write("\n")
                        complaints.print(f"↻ {event.to_deployment} begins again", style="dim")
                        _write(stream.text)
                        shown = len(stream.text)
                    case events.Notice() if event.kind != "info":
                        complaints.print(plain(event.message), style="dim")
                    case _:
                        pass
        finally:
            if shown and not stream.text.endswith("\n"):
                _write("\n")


def _write(text: str) -> None:
    sys.stdout.write(plain(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def describe(progress: events.Progress) -> str:
    parts = [plain(progress.stage)]
    if progress.queue_position:
        parts.append(f"number {progress.queue_position} in the queue")
    if progress.eta:
        parts.append(f"about {progress.eta:.0f} s")
    return ", ".join(parts)


# --- a conversation -------------------------------------------------------------------------


def _converse(asked: Asked, target: str | None) -> None:
    """Reads on the main thread, where Ctrl-C ends a prompt; the loop turns only while an answer is written."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - arrows and history at the prompt
    pictures = [picture(path) for path in asked.images]
    first = _instructions(asked)
    turns = list(first)
    service = client(target)
    console.print(HELP, style="dim")
    with asyncio.Runner() as runner:
        try:
            while (text := _line()) not in ("/quit", "/exit"):
                if text == "/new":
                    turns = list(first)
                    console.print("A new conversation.", style="dim")
                elif text.startswith("/"):
                    console.print(HELP, style="dim")
                elif text:
                    turns.append(events.Message.user(text, *pictures))
                    answer = runner.run(_answer(service, turns, asked))
                    pictures = [] if answer else pictures
                    turns = [*turns, events.Message.assistant(answer)] if answer else turns[:-1]
        finally:
            runner.run(service.close())


def _line() -> str:
    """What was typed; at the end of the input, or at Ctrl-C, "/quit"."""
    try:
        return input(PROMPT).strip()
    except (EOFError, KeyboardInterrupt):
        console.print()
        return "/quit"


async def _answer(service: InferenceClient, turns: list[events.Message], asked: Asked) -> str:
    """Shows one answer; Ctrl-C stops it and keeps what came. Errors are told and end nothing."""
    try:
        stream = _start(service, turns, asked)
    except errors.AntiphonError as error:
        complain(error)
        return ""
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGINT, stream.cancel)
    try:
        await _show(stream, asked)
    except errors.AntiphonError as error:
        complain(error)
    finally:
        if sys.platform != "win32":
            loop.remove_signal_handler(signal.SIGINT)
    return stream.text
