"""/compare, the votes, and /models: this server's ranking, from which a manager chooses the default."""

import re
from typing import Any

import discord
from discord import app_commands

from antiphon.events import Model
from discord_bot.commands import EVERYWHERE, command, words
from discord_bot.features.chat.buttons import view_of
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.compare import card
from discord_bot.features.compare.feature import Asked, Comparison
from discord_bot.features.compare.ranking import Standing, ranking
from discord_bot.features.model.commands import preview
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, pressable, private
from discord_bot.services import Services
from discord_bot.store.contests import Vote
from discord_bot.store.settings import SettingScope

MODELS_PATTERN = r"models:1:(?P<action>default)"
MOST_SHOWN, MOST_OPTIONS = 15, 25


def compare_commands(chat: ChatFeature) -> list[app_commands.Command[Any, Any, Any]]:
    names = ("prompt", "first", "second", "attachment")

    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.rename(**{name: words(f"command-compare-{name}") for name in names})
    @app_commands.describe(**{name: words(f"command-compare-{name}-description") for name in names})
    async def compare(
        interaction: discord.Interaction[Any],
        prompt: app_commands.Range[str, 1, 6000],
        first: app_commands.Range[str, 1, 100],
        second: app_commands.Range[str, 1, 100],
        attachment: discord.Attachment | None = None,
    ) -> None:
        await Comparison(chat, interaction, Asked(prompt, (first, second), attachment)).run()

    registered = command("compare", compare)

    @registered.autocomplete("first")
    @registered.autocomplete("second")
    async def models(_: Any, current: str) -> list[app_commands.Choice[str]]:
        names = await chat.services.catalogue.names("chat", current)
        return [app_commands.Choice(name=name, value=name) for name in names]

    return [registered, command("models", _models(chat.services))]


def _models(services: Services) -> Any:
    @EVERYWHERE
    async def models(interaction: discord.Interaction[Any]) -> None:
        text, view = await _ranking(services, interaction)
        await private(interaction, text, **({"view": view} if view else {}))

    return models


async def _ranking(services: Services, interaction: BotInteraction) -> tuple[str, discord.ui.View | None]:
    locale, guild_id = interaction.locale.value, interaction.guild_id
    offered = await services.catalogue.models("chat")
    standings = ranking(await services.store.contests.ballots(guild_id)) if guild_id is not None else []
    default = (await services.store.settings.guild(guild_id)).model or services.config.bot.chat_model
    lines = [t(locale, "models-title"), *_lines(offered, standings, default, locale)]
    if guild_id is None:
        lines.append(t(locale, "models-direct"))
    elif not standings:
        lines.append(t(locale, "models-no-votes", command=services.commands.of(locale, "compare")))
    view = None
    if guild_id is not None and interaction.permissions.manage_guild and offered:
        view = view_of(_select(_in_order(offered, standings), standings, locale))
    return "\n".join(lines), view


def _in_order(offered: list[Model], standings: list[Standing]) -> list[Model]:
    """Models with votes by rank, then all others in their order."""
    place = {standing.model: number for number, standing in enumerate(standings)}
    return sorted(offered, key=lambda model: place.get(model.name, len(place)))


def _lines(offered: list[Model], standings: list[Standing], default: str, locale: str) -> list[str]:
    by_model, lines = {ranked.model: ranked for ranked in standings}, list[str]()
    for number, model in enumerate(_in_order(offered, standings)[:MOST_SHOWN], 1):
        standing = by_model.get(model.name)
        says = (
            t(locale, "models-standing", percent=standing.percent, count=standing.votes)
            if standing
            else preview(model, locale)
        )
        mark = f" · {t(locale, 'models-default')}" if default in (model.name, *model.aliases) else ""
        lines.append(
            f"{f'{number}.' if standing else '-'} **{discord.utils.escape_markdown(model.name)}** – {says}{mark}"
        )
    return lines


def _select(models: list[Model], standings: list[Standing], locale: str) -> discord.ui.Select[Any]:
    ranked = {standing.model for standing in standings[:1]}
    options = [
        discord.SelectOption(
            label=model.name, value=model.name,
            description=t(locale, "models-winner") if model.name in ranked else None,
        )
        for model in models if len(model.name) <= 100
    ]  # fmt: skip
    placeholder = t(locale, "models-choose")
    return discord.ui.Select(custom_id="models:1:default", placeholder=placeholder, options=options[:MOST_OPTIONS])


def compare_controls(services: Services) -> list[type[discord.ui.DynamicItem[Any]]]:
    async def vote(interaction: BotInteraction, match: "re.Match[str]", _: list[Any]) -> None:
        await _vote(services, interaction, Vote(match["action"]), int(match["contest"]))

    async def default(interaction: BotInteraction, _: "re.Match[str]", values: list[Any]) -> None:
        await _set_default(services, interaction, str(values[0]) if values else "")

    return [pressable(card.PATTERN, vote, "vote"), pressable(MODELS_PATTERN, default, "models")]


async def _vote(services: Services, interaction: BotInteraction, vote: Vote, contest_id: int) -> None:
    locale, store = interaction.locale.value, services.store.contests
    barred = await services.admission.barred(asker_of(interaction), locale)
    contest = await store.get(contest_id)
    if barred or contest is None:
        await private(interaction, barred or t(locale, "stale"))
        return
    await store.vote(contest_id, interaction.user.id, vote)
    counts = await store.count(contest_id)
    public = interaction.guild_locale.value if interaction.guild_locale else locale
    await interaction.response.edit_message(
        content=card.text(contest, counts, public), view=card.view(contest, counts, public)
    )


async def _set_default(services: Services, interaction: BotInteraction, name: str) -> None:
    locale, guild_id = interaction.locale.value, interaction.guild_id
    if guild_id is None or not interaction.permissions.manage_guild:
        await private(interaction, t(locale, "access-manage"))
        return
    if await services.catalogue.find(name, "chat") is None:
        await private(interaction, t(locale, "model-unknown", model=name))
        return
    await services.store.settings.set(SettingScope.GUILD, guild_id, "model", name)
    text, view = await _ranking(services, interaction)
    note = t(locale, "models-set", model=discord.utils.escape_markdown(name))
    await interaction.response.edit_message(content=f"{text}\n-# {note}", view=view)
