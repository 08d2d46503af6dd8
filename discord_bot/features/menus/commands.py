"""Message menus: Explain and Summarise answer privately, Draw this draws."""

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, words
from discord_bot.conversation.attachments import read
from discord_bot.features.chat.question import Question
from discord_bot.features.chat.starting import answer_interaction
from discord_bot.features.image.options import BadOption, Wish, clean_prompt
from discord_bot.i18n import t
from discord_bot.interactions import asker_of, private

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

LONGEST_DRAWN = 1_000


def menu_commands(bot: "AntiphonBot") -> list[app_commands.ContextMenu]:
    async def about(interaction: discord.Interaction[Any], message: discord.Message, key: str) -> None:
        locale = interaction.locale.value
        denied = await bot.admission.refusal(asker_of(interaction), locale, place=interaction.id)
        if denied:
            await private(interaction, denied)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        given = await read(message.attachments, locale)
        if not message.content and not given.texts and not given.images:
            await interaction.followup.send(t(locale, "nothing-here"), ephemeral=True)
            return
        question = "\n\n".join(text for text in (t(locale, key), message.content, *given.texts) if text)
        await answer_interaction(bot.chat, interaction, Question(question, given.images, given.notices))

    @EVERYWHERE
    async def explain(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await about(interaction, message, "explain-prompt")

    @EVERYWHERE
    async def summarise(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await about(interaction, message, "summarise-prompt")

    @EVERYWHERE
    async def draw(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        try:
            wish = Wish(clean_prompt(message.content[:LONGEST_DRAWN]))
        except BadOption:
            await private(interaction, t(interaction.locale.value, "nothing-here"))
            return
        await bot.image.begin(interaction, wish)

    return [
        app_commands.ContextMenu(name=words("menu-explain"), callback=explain),
        app_commands.ContextMenu(name=words("menu-summarise"), callback=summarise),
        app_commands.ContextMenu(name=words("menu-draw"), callback=draw),
    ]
