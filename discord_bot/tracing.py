"""Traces begin where a person presses or types something; whatever is asked because of it belongs to the same trace."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import discord

from antiphon.client import InferenceClient

_origin: ContextVar[str] = ContextVar("trace_parent", default="")


def origin() -> str:
    """The `traceparent` of what runs here; empty outside any."""
    return _origin.get()


@contextlib.contextmanager
def began(client: InferenceClient, name: str) -> Iterator[None]:
    """One interaction or message from its arrival to its last edit. `name` is of ours: never what a person wrote."""
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
    """As `began`, for a command: the library calls it in a task of its own, and tells its end apart."""
    step = interaction.extras["step"] = client.traces.step(name)
    _origin.set(step.trace_parent)


def leave(interaction: discord.Interaction[Any], failure: str = "") -> None:
    step = interaction.extras.pop("step", None)
    if step is not None:
        step.end(failure)
