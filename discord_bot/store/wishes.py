"""Whether a person's words may be stored. Every write of words needs the answer, as a `Keeping`."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from discord_bot.store.engine import Database
from discord_bot.store.schema import settings

DO_NOT_STORE = "no_store"


@dataclass(frozen=True)
class Keeping:
    """Whose words may be written now. Only `Wishes` creates one: nothing else knows people's choices."""

    people: frozenset[int]
    """Everybody whose words are about to be written, or stand in what was answered."""
    refusing: frozenset[int]

    def allows(self, person: int) -> bool:
        """A person who was not looked up is not stored."""
        return person in self.people and person not in self.refusing

    @property
    def everybody(self) -> bool:
        """An answer may repeat the words of all who took part, so one refusal is enough."""
        return not self.refusing


class Wishes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def keeping(self, people: Iterable[int]) -> Keeping:
        everybody = frozenset(people)
        query = select(settings.c.scope_id).where(
            settings.c.scope == "user",
            settings.c.key == DO_NOT_STORE,
            settings.c.value == "true",
            settings.c.scope_id.in_(everybody),
        )
        async with self._database.read() as connection:
            refusing = frozenset((await connection.execute(query)).scalars())
        return Keeping(everybody, refusing)

    @staticmethod
    def nothing(people: Iterable[int]) -> Keeping:
        """For words whose erasure was requested while they were in use."""
        everybody = frozenset(people)
        return Keeping(everybody, everybody)
