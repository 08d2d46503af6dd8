"""Drawing from a conversation: "draw it" becomes a normal order once the person has allowed it."""

from collections.abc import Mapping
from typing import Any, cast

from antiphon.events import Tool as Declaration
from discord_bot.features.edit.message_job import ChannelJob
from discord_bot.features.image.card import quoted
from discord_bot.features.image.feature import ImageFeature
from discord_bot.features.image.options import BadOption, Wish, clean_prompt, parse_shape
from discord_bot.features.tools.tool import BadArguments, Occasion, Result, text_of
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction

LONGEST = 1_500


class Draw:
    declaration = Declaration(
        "draw_picture",
        "Draw a picture and post it in this conversation. Only when the person asks for a picture.",
        {
            "type": "object",
            "properties": {
                "prompt": {"type": "string", "description": "What the picture shows, in detail."},
                "shape": {"type": "string", "enum": ["square", "landscape", "portrait", "wide", "tall"]},
            },
            "required": ["prompt"],
        },
    )

    def __init__(self, occasion: Occasion, image: ImageFeature) -> None:
        self._occasion, self._image = occasion, image

    def line(self, arguments: Mapping[str, Any], locale: str) -> str:
        return t(locale, "tool-draw", prompt=text_of(arguments, "prompt", 60))

    def question(self, arguments: Mapping[str, Any], locale: str) -> str:
        return t(locale, "allow-draw", prompt=quoted(text_of(arguments, "prompt", LONGEST)))

    async def run(self, arguments: Mapping[str, Any]) -> Result:
        try:
            size, aspect = parse_shape(str(arguments.get("shape") or ""))
            wish = Wish(clean_prompt(text_of(arguments, "prompt", LONGEST)), size, aspect)
        except BadOption:
            raise BadArguments("prompt or shape cannot be used") from None
        occasion = self._occasion
        wish = wish.written_by(*sorted(occasion.people - {occasion.person_id}))
        job = ChannelJob(await occasion.person(), occasion.guild, occasion.channel, occasion.locale)
        occasion.services.tasks.spawn(self._image.begin(cast("BotInteraction", job), wish), "draw")
        return Result("The picture is being drawn and will stand below this answer. Do not describe it as finished.")
