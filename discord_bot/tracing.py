"""Traces begin where a person presses or types something; every call that follows belongs to the same trace."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import discord

from antiphon.client import InferenceClient

_origin: ContextVar[str] = ContextVar("trace_parent", default="")


def origin() -> str:
    """The `traceparent` of the current work; empty outside of a trace."""
    return _origin.get()


@contextlib.contextmanager
def began(client: InferenceClient, name: str) -> Iterator[None]:
    """One interaction or message from its arrival to its last edit. `name` is chosen by the bot: never a person's words."""
    step = client.traces.step(name)
    token = _origin.set(step.trace_parent)
    failure = ""
    try:
        yield
    except BaseException as error:
        failure = type(error).__name__
        raise
    finally:
        _origin.reset(token)
        step.end(failure)


def enter(interaction: discord.Interaction[Any], client: InferenceClient, name: str) -> None:
    """Like `began`, for a command: the library runs it in a separate task, and reports its end separately."""
    step = interaction.extras["step"] = client.traces.step(name)
    _origin.set(step.trace_parent)


def leave(interaction: discord.Interaction[Any], failure: str = "") -> None:
    step = interaction.extras.pop("step", None)
    if step is not None:
        step.end(failure)
