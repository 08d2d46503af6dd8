"""Which tools an answer may use: by the operator's configuration, the server, the model, and the person's settings."""

import os
from typing import Any

from antiphon.config.bot import BotTools
from discord_bot.features.image.feature import ImageFeature
from discord_bot.features.reminders.feature import Reminders
from discord_bot.features.tools.drawing import Draw
from discord_bot.features.tools.messages import SearchMessages
from discord_bot.features.tools.remembering import Remember
from discord_bot.features.tools.reminding import SetReminder
from discord_bot.features.tools.tool import Occasion, Tool
from discord_bot.features.tools.toolbox import Toolbox
from discord_bot.features.tools.web import SearchWeb
from discord_bot.services import Services
from discord_bot.store.conversations import PASSING, Conversation
from discord_bot.store.settings import Scope


class Shelf:
    def __init__(self, services: Services, image: ImageFeature, reminders: Reminders) -> None:
        self._services, self._image, self._reminders = services, image, reminders
        listed = services.config.bot.tools.mcp
        self._servers: list[Any] = []
        if listed:
            # The package takes a second to load; most bots have no such servers.
            from discord_bot.features.tools.foreign import ForeignServer  # noqa: PLC0415

            self._servers = [ForeignServer(name, server, os.environ) for name, server in listed.items()]

    def connect(self) -> None:
        """Connects to external servers; unreachable ones are retried for as long as the bot runs."""
        for server in self._servers:
            self._services.tasks.spawn(server.run(), f"mcp {server.name}")

    async def toolbox(
        self, conversation: Conversation, channel: Any, person_id: int, locale: str, model: str, scope: Scope
    ) -> Toolbox | None:
        """None if there is no tool, or the model cannot call any."""
        config = self._services.config.bot.tools
        if not config.enabled or not await self._calls_tools(model):
            return None
        occasion = Occasion(self._services, person_id, getattr(channel, "guild", None), channel, locale)
        tools = [*self._readers(config, occasion, scope), *self._writers(config, occasion, conversation, scope)]
        return Toolbox(tools, locale, occasion.people) if tools else None

    async def _calls_tools(self, name: str) -> bool:
        model = await self._services.catalogue.find(name, "chat")
        return model is not None and (model.capabilities.tools or "tools" in model.capabilities.unknown)

    def _readers(self, config: BotTools, occasion: Occasion, scope: Scope) -> list[Tool]:
        tools: list[Tool] = []
        if config.search_url and scope.guild.web_search:
            tools.append(SearchWeb(occasion, config.search_url))
        reads = config.messages and self._services.config.bot.message_content_intent
        if reads and scope.guild.message_search and occasion.guild is not None:
            tools.append(SearchMessages(occasion))
        return tools

    def _writers(self, config: BotTools, occasion: Occasion, conversation: Conversation, scope: Scope) -> list[Tool]:
        tools: list[Tool] = []
        if conversation.kind in PASSING:
            return tools  # nobody could see or find their results afterwards
        if config.drawing and scope.guild.pictures and scope.guild.drawing_tool:
            tools.append(Draw(occasion, self._image))
        if config.reminders and scope.guild.reminder_tool and not scope.user.no_store:
            tools.append(SetReminder(occasion, self._reminders))
        if scope.user.remembers:
            tools.append(Remember(occasion))
        if scope.guild.foreign_tools:
            tools += [tool for server in self._servers for tool in server.offered]
        return tools
