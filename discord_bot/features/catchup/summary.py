"""Summaries of messages: the request to the model, and the words around its answer."""

from antiphon.streams import ChatStream
from discord_bot.features.catchup.reading import Line, Reading, linked, numbered
from discord_bot.i18n import t
from discord_bot.quotas import Ticket
from discord_bot.scope import model_choices
from discord_bot.services import Services
from discord_bot.store.settings import Scope
from discord_bot.tracing import origin

SHARE = 0.6  # of the model's context; the rest is for the answer


class Summary:
    """One request about the messages of one channel. Nothing of it is stored."""

    def __init__(self, services: Services, reading: Reading, locale: str) -> None:
        self._services, self._reading, self._locale = services, reading, locale
        self._urls = {number: line.url for number, line in enumerate(reading.lines, 1)}
        self.left_out = 0

    async def ask(self, scope: Scope, guild_id: int | None, ticket: Ticket, reader: str = "") -> ChatStream:
        """`reader`: the name of the person who was away; empty if everybody reads it."""
        services, config = self._services, self._services.config
        model = await services.catalogue.choose(model_choices(config, scope, None, sees=False), "chat")
        context = await services.catalogue.context_tokens(model, config.bot.history_tokens)
        lines, self.left_out = numbered(self._reading.lines, int(context * SHARE))
        task = t(self._locale, "catchup-task-reader", reader=reader) if reader else t(self._locale, "catchup-task-all")
        prompt = f"{task}\n{t(self._locale, 'catchup-task')}\n\n{lines}"
        return services.inference.chat(
            prompt,
            model,
            tenant_id=str(guild_id or ""),
            user_id=str(ticket.payer),
            timeout=config.bot.answer_timeout,
            trace_parent=origin(),
        )

    def text(self, said: str) -> str:
        return linked(said, self._urls)

    def notes(self) -> list[str]:
        """Small lines: what was read, and what was not."""
        notes = [counted(self._reading.lines, self._locale)]
        if self.left_out or self._reading.full:
            notes.append(t(self._locale, "catchup-bounded", count=len(self._reading.lines) - self.left_out))
        return notes


def counted(lines: list[Line], locale: str) -> str:
    """How much was written, and by how many people."""
    pictures, files = sum(line.pictures for line in lines), sum(line.files for line in lines)
    said = [
        t(locale, "catchup-messages", count=len(lines)),
        t(locale, "catchup-people", count=len({line.author_id for line in lines})),
        *([t(locale, "read-pictures", count=pictures)] if pictures else []),
        *([t(locale, "catchup-files", count=files)] if files else []),
    ]
    return t(locale, "read", what=", ".join(said))
