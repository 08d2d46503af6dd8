"""A conversation on a terminal: questions, answers, and commands that begin with a slash."""

import asyncio
import dataclasses
import difflib
import os
import signal
import sys
from pathlib import Path

from antiphon import errors, events
from antiphon.cli import chat, history, image
from antiphon.cli.attachments import attachment, picture
from antiphon.cli.chat import ChatOptions
from antiphon.cli.output import UsageProblem, client, complain, complaints, console, plain
from antiphon.cli.prompt import reader
from antiphon.client import InferenceClient
from antiphon.config.load import load_config

HELP = "Ctrl-C stops an answer, /help lists the commands, Ctrl-D ends."
COMMANDS = {
    "/help": "show this list",
    "/new": "start a new conversation",
    "/model": "NAME: use another model; without a name: list the models",
    "/persona": "NAME: use a persona from the configuration; off: none; without a name: list them",
    "/image": "FILE: attach a picture to the next question; any other text: draw it into a file",
    "/file": "FILE or web address: attach it to the next question",
    "/save": "FILE: save the conversation as Markdown; without a name: chat.md, chat-2.md …",
    "/quit": "end",
}
KEYS = "Alt-Enter, or a backslash before Enter, starts a new line. Pasted text is one question. Arrow keys recall questions."
ALIASES = {"/exit": "/quit", "/?": "/help"}


def beginning(options: ChatOptions) -> tuple[list[events.Message], str]:
    """The turns and the model to start with: those of the last conversation with `--continue`. Raises UsageProblem."""
    if not options.resume:
        return chat.instructions(options), options.model
    stored = history.load(os.environ)
    if stored is None:
        raise UsageProblem("there is no conversation to continue")
    turns, model = stored
    if new := chat.instructions(options):
        turns = [*new, *(turn for turn in turns if turn.role != "system")]
    return turns, options.model or model


def remember(turns: list[events.Message], model: str, options: ChatOptions) -> None:
    """Stores the conversation for `--continue`, unless the person asked not to. A full disk ends nothing."""
    if options.private:
        return
    try:
        history.save(turns, model, os.environ)
    except OSError as error:
        complaints.print(f"The conversation is not stored: {error.strerror}", style="dim")


def converse(options: ChatOptions, target: str | None) -> None:
    """Reads on the main thread, where Ctrl-C ends a prompt. The event loop runs only while an answer is written."""
    with asyncio.Runner() as runner:
        conversation = Conversation(options, client(target), runner)
        read = reader(list(COMMANDS), None if options.private else history.prompts_file(os.environ))
        console.print(HELP, style="dim")
        try:
            while not conversation.ended:
                try:
                    conversation.take(read().strip())
                except (EOFError, KeyboardInterrupt):
                    console.print()
                    return
        finally:
            runner.run(conversation.service.close())


class Conversation:
    """The turns so far, and what the next question brings along."""

    def __init__(self, options: ChatOptions, service: InferenceClient, runner: asyncio.Runner) -> None:
        self.options, self.service = options, service
        self.ended = False
        self._runner = runner
        self._turns, self._model = beginning(options)
        if options.resume:
            console.print(f"Continuing a conversation of {len(self._turns)} messages.", style="dim")
        self._pictures = [picture(path) for path in options.images]
        self._texts: list[str] = []
        for source in options.files:
            self._attach(source)

    def take(self, text: str) -> None:
        """One entry at the prompt: a command or a question. Problems are reported and end nothing."""
        if not text:
            return
        name, _, rest = text.partition(" ")
        try:
            if name.startswith("/") and "/" not in name[1:] and "\n" not in name:
                self._command(ALIASES.get(name, name), rest.strip())
            else:
                self._question(text)
        except UsageProblem as problem:
            complaints.print(str(problem), style="red")
        except errors.AntiphonError as error:
            complain(error)
        except OSError as error:
            complaints.print(f"{error.filename or 'file'}: {error.strerror or error}", style="red")

    def _question(self, text: str) -> None:
        prompt = "\n\n".join((text, *self._texts))
        turns = [*self._turns, events.Message.user(prompt, *self._pictures)]
        answer = self._runner.run(self._answer(turns))
        if answer:
            self._pictures, self._texts = [], []
            self._turns = [*turns, events.Message.assistant(answer)]
            remember(self._turns, self._model, self.options)

    async def _answer(self, turns: list[events.Message]) -> str:
        """Shows one answer. Ctrl-C stops it and keeps what has arrived."""
        stream = chat.start(self.service, turns, self.options, self._model)
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            loop.add_signal_handler(signal.SIGINT, stream.cancel)
        try:
            await chat.show(stream, self.options)
        except errors.AntiphonError as error:
            complain(error)
        finally:
            if sys.platform != "win32":
                loop.remove_signal_handler(signal.SIGINT)
        return stream.text

    # --- commands ------------------------------------------------------------------------------

    def _command(self, name: str, argument: str) -> None:
        match name:
            case "/help":
                for command, text in COMMANDS.items():
                    console.print(f"{command:<10}{text}")
                console.print(KEYS, style="dim")
            case "/new":
                self._turns = chat.instructions(self.options)
                self._pictures, self._texts = [], []
                console.print("A new conversation.", style="dim")
            case "/quit":
                self.ended = True
            case "/model":
                self._choose_model(argument)
            case "/persona":
                self._choose_persona(argument)
            case "/image":
                self._image(argument)
            case "/file":
                self._attach(argument)
            case "/save":
                console.print(f"Saved as {save_markdown(self._turns, argument)}.")
            case _:
                near = difflib.get_close_matches(name, COMMANDS, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise UsageProblem(f"There is no command {name}.{hint} /help lists them.")

    def _choose_model(self, name: str) -> None:
        if name:
            self._model = name
            console.print(f"Using {name} from the next question on.", style="dim")
            return
        for model in self._runner.run(self.service.models("chat")):
            current = " (current)" if model.name == (self._model or "chat") else ""
            console.print(f"{model.name}{current}" + ("" if model.available else ": not available now"))

    def _choose_persona(self, name: str) -> None:
        if not name:
            personas = load_config().bot.personas
            for key, persona in personas.items():
                console.print(f"{key}: {persona.description or persona.name}")
            if not personas:
                console.print("No personas are configured. Add [bot.personas.NAME] to antiphon.toml.", style="dim")
            return
        self.options = dataclasses.replace(self.options, persona="" if name == "off" else name)
        self._turns = [*chat.instructions(self.options), *(turn for turn in self._turns if turn.role != "system")]
        console.print("No persona." if name == "off" else f"Persona: {name}.", style="dim")

    def _image(self, argument: str) -> None:
        """Attaches an existing picture; draws anything else."""
        if not argument:
            raise UsageProblem("Use /image FILE to attach a picture, or /image and a description to draw it.")
        path = Path(argument).expanduser()
        if path.is_file() or picture_suffix(argument):
            self._attach(argument)
            return
        self._runner.run(image.draw(self.service, image.ImageOptions(prompt=argument)))

    def _attach(self, source: str) -> None:
        if not source:
            raise UsageProblem("Use /file with the name of a file or a web address.")
        part = attachment(source)
        if isinstance(part, events.Image):
            self._pictures.append(part)
        else:
            self._texts.append(part)
        console.print(f"Attached {plain(source)}. It goes with your next question.", style="dim")


def picture_suffix(name: str) -> bool:
    """Whether the text is the name of a picture file, even if no such file exists."""
    return " " not in name.strip() and Path(name).suffix.lower() in image.FORMATS


def save_markdown(turns: list[events.Message], name: str) -> Path:
    """Writes the conversation to a new file. Raises UsageProblem or OSError."""
    if not any(turn.role == "assistant" for turn in turns):
        raise UsageProblem("There is nothing to save yet.")
    path = Path(name).expanduser() if name else image.free_name(Path("chat.md"))
    if path.is_dir():
        path = image.free_name(path / "chat.md")
    titles = {"user": "## Question", "assistant": "## Answer", "system": "## Instructions"}
    text = "\n\n".join(f"{titles[turn.role]}\n\n{turn.text}" for turn in turns)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise UsageProblem(f"{path} exists already. Choose another name.") from None
    return path
