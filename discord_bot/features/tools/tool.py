"""What a tool is to the bot: a declaration for the model, a small line for people, and work that may need permission."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from antiphon.events import Tool as Declaration
from discord_bot.services import Services

LONGEST_RESULT = 6_000  # characters that are returned to the model

SOMEBODY_IS_NOT_STORED = (
    "Somebody whose words are in this conversation does not want them stored, so nothing was kept. {}"
)


class BadArguments(ValueError):
    """The model asked for something that the tool cannot do; the text is for the model."""


@dataclass(frozen=True)
class Occasion:
    """Who asks, and where the answer goes."""

    services: Services
    person_id: int
    guild: Any
    channel: Any
    locale: str
    people: set[int] = field(default_factory=set)
    """Everybody whose words the model has read: what it writes may repeat them."""

    async def may_store(self) -> bool:
        """Whether all of them allow their words to be stored."""
        return (await self.services.store.wishes.keeping({self.person_id, *self.people})).everybody

    @property
    def guild_id(self) -> int | None:
        return self.guild.id if self.guild is not None else None

    async def person(self) -> Any:
        """A member of the server with current roles, or in direct messages a user. Raises discord.HTTPException."""
        if self.guild is not None:
            return await self.guild.fetch_member(self.person_id)
        return await self.services.rooms.fetch_user(self.person_id)


@dataclass(frozen=True)
class Source:
    """A source, for a person to look it up."""

    title: str
    url: str


@dataclass(frozen=True)
class Result:
    """`text` goes to the model."""

    text: str
    sources: Sequence[Source] = ()
    people: frozenset[int] = field(default_factory=frozenset)
    """Everybody whose words are in it."""
    failed: bool = False


class Tool(Protocol):
    @property
    def declaration(self) -> Declaration: ...

    def line(self, arguments: Mapping[str, Any], locale: str) -> str:
        """One small line for everybody who reads the answer."""
        ...

    def question(self, arguments: Mapping[str, Any], locale: str) -> str:
        """What the asker has to allow; empty: nothing. Raises BadArguments."""
        ...

    async def run(self, arguments: Mapping[str, Any]) -> Result:
        """Raises BadArguments."""
        ...


def text_of(arguments: Mapping[str, Any], name: str, longest: int = 500) -> str:
    """A required string. Raises BadArguments."""
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadArguments(f"{name} must be a text that is not empty")
    return " ".join(value.split())[:longest]
