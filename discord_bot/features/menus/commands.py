"""Message menus: Explain and Summarise answer privately, Draw this draws."""

from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, words
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.chat.question import Question
from discord_bot.features.chat.starting import answer_interaction
from discord_bot.features.chat.words import names_in, said_by
from discord_bot.features.image.feature import ImageFeature
from discord_bot.features.image.options import BadOption, Wish, clean_prompt
from discord_bot.features.voice.listening import ears
from discord_bot.i18n import t
from discord_bot.interactions import asker_of, private
from discord_bot.store.turns import Part, PartKind

LONGEST_DRAWN = 1_000


def menu_commands(chat: ChatFeature, image: ImageFeature) -> list[app_commands.ContextMenu]:
    async def about(interaction: discord.Interaction[Any], message: discord.Message, key: str) -> None:
        locale = interaction.locale.value
        denied = await chat.services.admission.refusal(asker_of(interaction), locale, place=interaction.id)
        if denied:
            await private(interaction, denied)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        listen = ears(chat.services, asker_of(interaction))
        question = Question(
            listen=listen, parts=[Part(interaction.user.id, interaction.user.display_name, t(locale, key))]
        )
        text = said_by(message, names_in(message), embeds=True)
        if text:
            question.parts.append(Part(message.author.id, message.author.display_name, text, PartKind.QUOTED))
        await question.attach(message.author, message.attachments, locale, quoted=message.author.display_name)
        for snapshot in message.message_snapshots:
            forwarded = said_by(snapshot, names_in(message), embeds=True)
            if forwarded:
                question.parts.append(Part(message.author.id, "", forwarded, PartKind.QUOTED))
            await question.attach(message.author, snapshot.attachments, locale, quoted="")
        if len(question.parts) == 1 and not question.images:
            await interaction.followup.send(t(locale, "nothing-here"), ephemeral=True)
            return
        await answer_interaction(chat, interaction, question)

    @EVERYWHERE
    async def explain(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await about(interaction, message, "explain-prompt")

    @EVERYWHERE
    async def summarise(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await about(interaction, message, "summarise-prompt")

    @EVERYWHERE
    async def draw(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        try:
            text = said_by(message, names_in(message), embeds=True)
            wish = Wish(clean_prompt(text[:LONGEST_DRAWN])).written_by(message.author.id)
        except BadOption:
            await private(interaction, t(interaction.locale.value, "nothing-here"))
            return
        await image.begin(interaction, wish)

    return [
        app_commands.ContextMenu(name=words("menu-explain"), callback=explain),
        app_commands.ContextMenu(name=words("menu-summarise"), callback=summarise),
        app_commands.ContextMenu(name=words("menu-draw"), callback=draw),
    ]
