"""/memory: what the bot remembers about a person, for that person to see, change and switch off. Off by default."""

import re
from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command
from discord_bot.features.chat.buttons import view_of
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, answered, pressable, private
from discord_bot.services import Services
from discord_bot.store.memory import LONGEST_NOTE, MOST_NOTES
from discord_bot.store.settings import SettingScope

PATTERN = r"memory:1:(?P<action>[a-z]+)"
LABELS = {
    "on": "button-memory-on",
    "off": "button-memory-off",
    "edit": "button-memory-edit",
    "erase": "button-memory-erase",
}
LONGEST_FORM = 4_000  # characters that a form accepts


def memory_commands(services: Services) -> list[app_commands.Command[Any, Any, Any]]:
    @EVERYWHERE
    async def memory(interaction: discord.Interaction[Any]) -> None:
        text, view = await _card(services, interaction)
        await private(interaction, text, **({"view": view} if view else {}))

    return [command("memory", memory)]


def memory_buttons(services: Services) -> type[discord.ui.DynamicItem[Any]]:
    """Buttons that change only the memory of the person who presses them."""

    async def press(interaction: BotInteraction, match: "re.Match[str]", _: list[Any]) -> None:
        await _press(services, interaction, match["action"])

    return pressable(PATTERN, press, "memory")


async def _card(services: Services, interaction: BotInteraction, note: str = "") -> tuple[str, discord.ui.View | None]:
    locale, who = interaction.locale.value, interaction.user.id
    mine, notes = await services.store.settings.user(who), await services.store.memory.notes(who)
    lines = [t(locale, "memory-title"), t(locale, "memory-state-on" if mine.memory else "memory-state-off")]
    if mine.no_store:
        lines.append(t(locale, "memory-not-stored", command=services.commands.of(locale, "privacy")))
    lines += [f"- {discord.utils.escape_markdown(text)}" for text in notes[: _fitting(notes)]] or [
        t(locale, "memory-empty")
    ]
    if len(notes) > _fitting(notes):
        lines.append(f"-# {t(locale, 'memory-more', count=len(notes) - _fitting(notes))}")
    if note:
        lines.append(f"-# {note}")
    names = ["off" if mine.memory else "on", "edit", *(["erase"] if notes else [])]
    return "\n".join(lines), view_of(*(_button(name, locale) for name in names))


def _fitting(notes: list[str]) -> int:
    """How many of them a message shows; the form has all."""
    room = 1_300
    for number, note in enumerate(notes):
        room -= 2 * len(note) + 3
        if room < 0:
            return number
    return len(notes)


def _button(action: str, locale: str) -> discord.ui.Button[Any]:
    style = discord.ButtonStyle.danger if action == "erase" else discord.ButtonStyle.secondary
    return discord.ui.Button(label=t(locale, LABELS[action]), style=style, custom_id=f"memory:1:{action}")


async def _press(services: Services, interaction: BotInteraction, action: str) -> None:
    locale, who, store = interaction.locale.value, interaction.user.id, services.store
    stored = (await store.wishes.keeping([who])).allows(who)
    match action:
        case "on" | "edit" if not stored:
            await private(interaction, t(locale, "memory-not-stored", command=services.commands.of(locale, "privacy")))
        case "on" | "off":
            await store.settings.set(SettingScope.USER, who, "memory", True if action == "on" else None)
            await _show(services, interaction)
        case "edit":
            notes = await store.memory.notes(who)
            await interaction.response.send_modal(MemoryForm(services, locale, notes))
        case "erase":
            count = await store.memory.erase(who)
            await _show(services, interaction, t(locale, "memory-erased", count=count))
        case _:
            await private(interaction, t(locale, "stale"))


async def _show(services: Services, interaction: BotInteraction, note: str = "") -> None:
    text, view = await _card(services, interaction, note)
    if interaction.message is not None:
        await interaction.response.edit_message(content=text, view=view)
    else:
        await private(interaction, text, **({"view": view} if view else {}))


class MemoryForm(discord.ui.Modal):
    """All notes, one per line, for editing."""

    def __init__(self, services: Services, locale: str, notes: list[str]) -> None:
        super().__init__(title=t(locale, "memory-modal-title"))
        self._services = services
        self.notes: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label=t(locale, "memory-modal-notes"),
            style=discord.TextStyle.paragraph,
            default="\n".join(notes)[:LONGEST_FORM] or None,
            required=False,
            max_length=LONGEST_FORM,
        )
        self.add_item(self.notes)

    async def on_submit(self, interaction: Any, /) -> None:
        chosen: BotInteraction = interaction
        async with answered(chosen, "memory:edited"):
            locale, who, store = chosen.locale.value, chosen.user.id, self._services.store
            lines = [line.strip().removeprefix("- ") for line in self.notes.value.splitlines() if line.strip()]
            if not await store.memory.replace(who, lines, await store.wishes.keeping([who])):
                command = self._services.commands.of(locale, "privacy")
                await private(chosen, t(locale, "memory-not-stored", command=command))
                return
            cut = len(lines) > MOST_NOTES or any(len(line) > LONGEST_NOTE for line in lines)
            saved = t(locale, "memory-bounded", most=MOST_NOTES, longest=LONGEST_NOTE) if cut else ""
            await _show(self._services, chosen, saved or t(locale, "memory-saved"))
