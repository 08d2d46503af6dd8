"""What holds where somebody asks: settings of the channel before the server's, both before the person's and the bot's."""

from dataclasses import dataclass, field
from typing import Any

from antiphon.config.model import Config
from discord_bot.store.conversations import Conversation
from discord_bot.store.database import Store


@dataclass(frozen=True)
class Scope:
    """Settings by where they were made."""

    guild: dict[str, Any] = field(default_factory=dict)
    channel: dict[str, Any] = field(default_factory=dict)
    user: dict[str, Any] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        for place in (self.channel, self.guild, self.user):
            if key in place:
                return place[key]
        return default


async def scope_of(store: Store, guild_id: int | None, channel_id: int, user_id: int) -> Scope:
    return Scope(
        await store.settings.all("guild", guild_id),
        await store.settings.all("channel", channel_id),
        await store.settings.all("user", user_id),
    )


def model_of(config: Config, scope: Scope, conversation: Conversation, *, sees: bool) -> str:
    """`sees`: the question holds pictures; then the default is a model that can look at them."""
    chosen = conversation.model or scope.get("model")
    return str(chosen or (config.bot.vision_model if sees else config.bot.chat_model))


def persona_of(config: Config, scope: Scope, conversation: Conversation) -> str:
    """The instructions. A persona's name stands for its text; anything else is a text itself."""
    chosen = conversation.persona or scope.get("persona") or config.bot.default_persona
    if chosen is None:
        return config.bot.system_prompt
    ready = config.bot.personas.get(chosen)
    return ready.prompt if ready is not None else str(chosen)
