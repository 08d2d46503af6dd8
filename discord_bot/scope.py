"""Which model and which instructions answer, of all that was chosen."""

import hashlib

from antiphon.config.model import Config
from discord_bot.store.conversations import Conversation
from discord_bot.store.settings import Scope


def model_choices(
    config: Config, scope: Scope, conversation: Conversation | None, *, sees: bool, asked: str | None = None
) -> list[str]:
    """Wishes in their order, the default last. `sees`: the question holds pictures, so the default looks at them.

    `asked`: for this one question, as in a comparison.
    """
    default = config.bot.vision_model if sees else config.bot.chat_model
    own = conversation.model if conversation is not None and not scope.guild.lock_model else None
    alone = asked if not scope.guild.lock_model else None
    return [choice for choice in (alone, own, scope.model, default) if choice]


def persona_of(config: Config, scope: Scope, conversation: Conversation) -> str:
    """The instructions. A persona's name stands for its text; anything else is a text itself."""
    chosen = conversation.persona or scope.persona or config.bot.default_persona
    if chosen is None:
        return config.bot.system_prompt
    ready = config.bot.personas.get(chosen)
    return ready.prompt if ready is not None else str(chosen)


def conversation_key(me: int, conversation_id: int) -> str:
    """Names a conversation to the service, without an id of Discord that anybody could look up."""
    return hashlib.sha256(f"{me}:{conversation_id}".encode()).hexdigest()[:32]
