"""What an answer is based on: the model, the branch of the conversation that leads to the question, and the tools."""

from dataclasses import dataclass, replace

from antiphon import events
from discord_bot.conversation.history import History, build
from discord_bot.features.chat.context import recollect
from discord_bot.features.chat.places import settings_channel
from discord_bot.features.chat.request import Request
from discord_bot.features.memory.notes import with_memory
from discord_bot.features.tools.toolbox import Fill, Toolbox
from discord_bot.scope import model_choices, persona_of
from discord_bot.services import Services
from discord_bot.store.settings import Scope
from discord_bot.store.turns import Turn

CONTINUE = "Continue your last answer exactly where it stopped. Do not repeat anything and do not comment on this."


@dataclass(frozen=True)
class Prompt:
    history: History
    model: str
    scope: Scope
    toolbox: Toolbox | None


async def prepare(services: Services, request: Request, fill: Fill) -> Prompt:
    """`fill` returns the tools. A continued half answer, and one in a comparison, use none."""
    conversation, turn, config = request.conversation, request.turn, services.config
    scope = await services.store.settings.scope(
        conversation.guild_id, settings_channel(request.channel, conversation.channel_id), turn.asker_id
    )
    persona = persona_of(config, scope, conversation)
    if scope.user.remembers:
        persona = with_memory(persona, await services.store.memory.notes(turn.asker_id))
    turns = await _turns(services, turn)
    context = await services.catalogue.context_tokens(
        turn.model or conversation.model or config.bot.chat_model, config.bot.history_tokens
    )
    history = build(persona, turns, context)
    if request.before:
        going_on = [events.Message.assistant(request.before), events.Message.user(CONTINUE)]
        history = replace(history, messages=[*history.messages, *going_on])
    sees = any(earlier.images for earlier in turns)
    choices = model_choices(config, scope, conversation, sees=sees, asked=turn.model)
    model = await services.catalogue.choose(choices, "chat")
    toolbox = None
    if not request.before and turn.model is None:
        toolbox = await fill(conversation, request.channel, request.ticket.payer, turn.locale, model, scope)
    return Prompt(history, model, scope, toolbox)


async def _turns(services: Services, turn: Turn) -> list[Turn]:
    """The answered turns before the question, and the question itself, with their pictures."""
    store = services.store.conversations
    former = await recollect(services, (await store.line(turn))[:-1])
    answered = [member for member in former if member.answer]
    images = await store.images([member.id for member in (*answered, *([] if turn.images else [turn]))])
    for member in (*answered, turn):
        member.images = member.images or images.get(member.id, [])
    return [*answered, turn]
