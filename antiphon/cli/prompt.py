"""Reads questions at the terminal: several lines, pasted text as one question, history and completion of commands."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

PROMPT = "> "


def reader(commands: Sequence[str], history: Path | None) -> Callable[[], str]:
    """A function that reads one question. It raises EOFError at Ctrl-D, and KeyboardInterrupt at Ctrl-C on an empty line.

    Enter sends, Alt-Enter or a backslash at the end of a line starts a new line, and pasted line breaks stay part of the
    question. A terminal without cursor control (TERM=dumb) reads plain lines.
    """
    if os.environ.get("TERM") == "dumb":
        return lambda: input(PROMPT)
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import create_output
    from prompt_toolkit.output.vt100 import Vt100_Output
    from prompt_toolkit.styles import Style

    bindings = KeyBindings()

    @bindings.add("enter")
    def send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.current_line.endswith("\\") and buffer.document.is_cursor_at_the_end:
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @bindings.add("escape", "enter")
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @bindings.add("c-c")
    def interrupt(event: KeyPressEvent) -> None:
        """Clears what is typed. Only on an empty line does Ctrl-C end the conversation."""
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt)

    output = create_output(stdout=sys.stdout)
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False  # a question to the terminal that many never answer
    lines: History = FileHistory(str(history)) if history is not None else InMemoryHistory()
    session: PromptSession[str] = PromptSession(
        [("class:prompt", PROMPT)],
        style=Style([("prompt", "ansicyan")]),
        multiline=True,
        key_bindings=bindings,
        history=lines,
        completer=WordCompleter(list(commands), sentence=True),
        complete_while_typing=False,
        prompt_continuation="  ",
        output=output,
    )
    return session.prompt
