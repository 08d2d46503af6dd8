"""Notes for the asker's memory; offered only if that person has switched it on."""

from collections.abc import Mapping
from typing import Any

from antiphon.events import Tool as Declaration
from discord_bot.features.tools.tool import SOMEBODY_IS_NOT_STORED, Occasion, Result, text_of
from discord_bot.i18n import t
from discord_bot.store.memory import LONGEST_NOTE, MemoryFull


class Remember:
    declaration = Declaration(
        "remember",
        "Keep one short fact about the person who asks, for later conversations. Only when the person asks you to"
        " remember something.",
        {
            "type": "object",
            "properties": {"note": {"type": "string", "description": "One fact in one short sentence."}},
            "required": ["note"],
        },
    )

    def __init__(self, occasion: Occasion) -> None:
        self._occasion = occasion

    def line(self, arguments: Mapping[str, Any], locale: str) -> str:
        return t(locale, "tool-remember", note=text_of(arguments, "note", 60))

    def question(self, arguments: Mapping[str, Any], locale: str) -> str:
        return t(locale, "allow-remember", note=discord_safe(text_of(arguments, "note", LONGEST_NOTE)))

    async def run(self, arguments: Mapping[str, Any]) -> Result:
        store, who = self._occasion.services.store, self._occasion.person_id
        if not await self._occasion.may_store():
            return Result(SOMEBODY_IS_NOT_STORED.format("The person can write it down with /memory."), failed=True)
        try:
            kept = await store.memory.add(
                who, text_of(arguments, "note", LONGEST_NOTE), await store.wishes.keeping([who])
            )
        except MemoryFull:
            return Result("The memory is full. The person can remove notes with /memory.", failed=True)
        return Result("Remembered." if kept else "Nothing about this person is stored.", failed=not kept)


def discord_safe(text: str) -> str:
    """As plain words in one line."""
    return text.replace("`", "'").replace("*", "").replace("_", " ")
