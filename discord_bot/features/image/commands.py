"""/image."""

from typing import Any

import discord
from discord import app_commands

from discord_bot.commands import EVERYWHERE, command, words
from discord_bot.features.image.feature import ImageFeature
from discord_bot.features.image.options import SHAPES, BadOption, Wish, clean_prompt, parse_seed, parse_shape
from discord_bot.i18n import t
from discord_bot.interactions import private


def image_commands(feature: ImageFeature) -> list[app_commands.Command[Any, Any, Any]]:
    names = ("prompt", "shape", "count", "negative", "input", "seed", "steps", "spoiler")

    @EVERYWHERE
    @app_commands.rename(**{name: words(f"command-image-{name}") for name in names}, model=words("option-model"))
    @app_commands.describe(
        **{name: words(f"command-image-{name}-description") for name in names}, model=words("option-model-description")
    )
    async def image(
        interaction: discord.Interaction[Any],
        prompt: app_commands.Range[str, 1, 4000],
        shape: app_commands.Range[str, 1, 20] | None = None,
        count: app_commands.Range[int, 1, 4] = 1,
        model: app_commands.Range[str, 1, 100] | None = None,
        negative: app_commands.Range[str, 1, 1000] | None = None,
        input: discord.Attachment | None = None,  # noqa: A002 - the word that people see
        seed: app_commands.Range[str, 1, 20] | None = None,
        steps: app_commands.Range[int, 1, 150] | None = None,
        spoiler: bool = False,
    ) -> None:
        locale = interaction.locale.value
        try:
            size, aspect = parse_shape(shape)
            wish = Wish(
                clean_prompt(prompt), size, aspect, count, negative or "", model or "", parse_seed(seed), steps, spoiler
            )
        except BadOption as bad:
            await private(interaction, t(locale, bad.key))
            return
        if model and await feature.services.catalogue.find(model, "image") is None:
            await private(interaction, t(locale, "model-unknown", model=model))
            return
        await feature.begin_from(interaction, wish, input)

    registered = command("image", image)

    @registered.autocomplete("model")
    async def models(_: Any, current: str) -> list[app_commands.Choice[str]]:
        return [
            app_commands.Choice(name=name, value=name)
            for name in await feature.services.catalogue.names("image", current)
        ]

    @registered.autocomplete("shape")
    async def shapes(_: Any, current: str) -> list[app_commands.Choice[str]]:
        names = [name for name in SHAPES if current.casefold() in name]
        return [app_commands.Choice(name="{} ({}:{})".format(name, *SHAPES[name]), value=name) for name in names]

    return [registered]
