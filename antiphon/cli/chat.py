"""`antiphon chat`: a single question. A conversation on a terminal is in `conversation.py`."""

import asyncio
import contextlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon import events
from antiphon.cli.attachments import attachment, decoded, picture
from antiphon.cli.output import UsageProblem, client, complaints, console, exit_code, line, plain, run_to_exit_code
from antiphon.cli.writing import MarkdownWriter, PlainWriter, Writer
from antiphon.client import InferenceClient
from antiphon.config.load import load_config
from antiphon.streams import ChatStream

if TYPE_CHECKING:
    from rich.status import Status


@dataclass(frozen=True)
class ChatOptions:
    prompt: str = ""
    model: str = ""
    system: str = ""
    persona: str = ""
    images: tuple[Path, ...] = ()
    files: tuple[str, ...] = ()
    resume: bool = False
    sampling: events.Sampling = field(default_factory=events.Sampling)
    reasoning: bool = False
    timeout: float | None = None
    raw: bool = False
    private: bool = False
    as_json: bool = False


def chat(options: ChatOptions, target: str | None) -> int:
    """Returns the exit code. Without a question, a terminal opens a conversation."""
    interactive = not options.prompt and not options.as_json and sys.stdin is not None and sys.stdin.isatty()
    if interactive:
        from antiphon.cli.conversation import converse

        return exit_code(lambda: converse(options, target))
    return run_to_exit_code(_ask(options, target), as_json=options.as_json)


async def _ask(options: ChatOptions, target: str | None) -> None:
    """Raises AntiphonError, ConfigError, UsageProblem or OSError."""
    from antiphon.cli import conversation

    question = await asyncio.to_thread(_question, options)
    turns, model = conversation.beginning(options)
    turns = [*turns, question]
    async with client(target) as service:
        stream = start(service, turns, options, model)
        if options.as_json:
            async for event in stream:
                line(event)
        else:
            await show(stream, options)
    conversation.remember([*turns, events.Message.assistant(stream.text)], model, options)


def _question(options: ChatOptions) -> events.Message:
    """The prompt with everything attached to it. Raises UsageProblem or OSError."""
    pictures = [picture(path) for path in options.images]
    attached = [attachment(source) for source in options.files]
    pictures += [part for part in attached if isinstance(part, events.Image)]
    texts = [options.prompt, *(part for part in attached if isinstance(part, str)), _piped()]
    prompt = "\n\n".join(text for text in texts if text)
    if not prompt and not pictures:
        raise UsageProblem('What is the question? Use antiphon chat "…", or pipe it in.')
    return events.Message.user(prompt, *pictures)


def _piped() -> str:
    """Standard input, unless it is a terminal. Raises UsageProblem."""
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    return decoded(sys.stdin.buffer.read(), "Standard input")


def instructions(options: ChatOptions) -> list[events.Message]:
    """The system message of the options. Raises UsageProblem for an unknown persona."""
    texts = [persona_prompt(options.persona)] if options.persona else []
    texts += [options.system] if options.system else []
    return [events.Message.system("\n\n".join(texts))] if texts else []


def persona_prompt(name: str) -> str:
    """Raises UsageProblem."""
    personas = load_config().bot.personas
    if name not in personas:
        names = ", ".join(personas) or "none; add [bot.personas.NAME] to antiphon.toml"
        raise UsageProblem(f"there is no persona {name!r}. Configured: {names}")
    return personas[name].prompt


def start(service: InferenceClient, turns: list[events.Message], options: ChatOptions, model: str = "") -> ChatStream:
    has_picture = any(isinstance(part, events.Image) for turn in turns for part in turn.parts)
    name = model or options.model or ("vision" if has_picture else "chat")
    return service.chat(turns, name, sampling=options.sampling, timeout=options.timeout)


def writer(options: ChatOptions) -> Writer:
    """Markdown is rendered on a terminal only; pipes and `--raw` get the text as it is."""
    return MarkdownWriter(console) if console.is_terminal and not options.raw else PlainWriter()


async def show(stream: ChatStream, options: ChatOptions) -> None:
    """Writes the answer to standard output as it arrives, and everything else to standard error."""
    status: Status | None = console.status("…") if sys.stdout.isatty() and sys.stderr.isatty() else None
    answer = writer(options)
    shown = 0  # characters of the answer that are on the screen
    with contextlib.ExitStack() as until_text:
        if status is not None:
            until_text.enter_context(status)
        try:
            async for event in stream:
                match event:
                    case events.Delta():
                        until_text.close()
                        answer.write(event.text)
                        shown += len(event.text)
                    case events.Reasoning() if options.reasoning:
                        until_text.close()
                        complaints.print(plain(event.text), style="dim", end="")
                    case events.Progress() if status is not None and not shown:
                        status.update(describe(event))
                    case events.Handover() if event.keep_chars < shown:
                        # Printed text cannot be taken back, so the part that stays is printed again.
                        answer.close()
                        complaints.print(f"↻ {event.to_deployment} starts again", style="dim")
                        answer = writer(options)
                        answer.write(stream.text)
                        shown = len(stream.text)
                    case events.Notice() if event.kind != "info":
                        complaints.print(plain(event.message), style="dim")
                    case _:
                        pass
        finally:
            answer.close()


def describe(progress: events.Progress) -> str:
    parts = [plain(progress.stage)]
    if progress.queue_position:
        parts.append(f"number {progress.queue_position} in the queue")
    if progress.eta:
        parts.append(f"about {progress.eta:.0f} s")
    return ", ".join(parts)
