"""Limits of messages (documentation: resources/message). A text is measured by the larger of two counts.

Nobody outside Discord has shown whether code points or UTF-16 units are counted, so both must fit.
"""

from collections.abc import Sequence
from typing import Any

from tests.fakes.discord import components
from tests.fakes.discord.errors import bad_length, empty_message, file_too_large, invalid, too_long
from tests.fakes.discord.model import COMPONENTS_V2, File, Json

CONTENT = 2000
REQUEST_BYTES = 25 * 1024 * 1024
EMBED_SUM = 6000
EMBED_FIELDS = {"title": 256, "description": 4096}


def length(text: str) -> int:
    """The larger of code points and UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def text(value: Any, path: str, least: int, most: int) -> str:
    """A string of least to most characters, else 50035."""
    if not isinstance(value, str):
        raise invalid(path, "STRING_TYPE_CONVERT", "Could not interpret as string.")
    if not least <= length(value) <= most:
        raise too_long(path, most) if least == 0 else bad_length(path, least, most)
    return value


def integer(value: Any, path: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(path, "NUMBER_TYPE_COERCE", f"Value '{value}' is not int.")
    if not least <= value <= most:
        raise invalid(path, "NUMBER_TYPE_MAX", f"int value should be between {least} and {most}.")
    return value


def items(value: Any, path: str, least: int, most: int) -> list[Any]:
    if value is None:
        value = []
    if not isinstance(value, list):
        raise invalid(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    if not least <= len(value) <= most:
        raise bad_length(path, least, most)
    return value


def embeds(value: Any) -> list[Json]:
    found: list[Json] = items(value, "embeds", 0, 10)
    total = 0
    for index, embed in enumerate(found):
        at = f"embeds.{index}"
        for name, most in EMBED_FIELDS.items():
            if embed.get(name) is not None:
                total += length(text(embed[name], f"{at}.{name}", 0, most))
        if footer := embed.get("footer"):
            total += length(text(footer.get("text"), f"{at}.footer.text", 1, 2048))
        if author := embed.get("author"):
            total += length(text(author.get("name"), f"{at}.author.name", 1, 256))
        for number, entry in enumerate(items(embed.get("fields"), f"{at}.fields", 0, 25)):
            total += length(text(entry.get("name"), f"{at}.fields.{number}.name", 1, 256))
            total += length(text(entry.get("value"), f"{at}.fields.{number}.value", 1, 1024))
        if not set(embed) - {"type", "flags"}:
            raise invalid(at, "BASE_TYPE_REQUIRED", "An embed needs something to show.")
    if total > EMBED_SUM:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED_SUM}")
    return found


def uploads(files: Sequence[File], kept: int, limit: int) -> None:
    """At most ten files in all, each of at most `limit` bytes, 25 MiB together."""
    if len(files) + kept > 10:
        raise bad_length("attachments", 0, 10)
    if any(len(file.content) > limit for file in files) or sum(len(f.content) for f in files) > REQUEST_BYTES:
        raise file_too_large()


def descriptions(entries: Any) -> dict[str, str]:
    """The alt texts of a body's `attachments`, by the entry's id (the index of an upload or a known attachment)."""
    found = {}
    for index, entry in enumerate(items(entries, "attachments", 0, 10)):
        if entry.get("description") is not None:
            found[str(entry["id"])] = text(entry["description"], f"attachments.{index}.description", 0, 1024)
    return found


def body(entry: Json) -> None:
    """Everything about a message's body that does not depend on the message it goes to."""
    if entry.get("content") is not None:
        text(entry["content"], "content", 0, CONTENT)
    embeds(entry.get("embeds"))
    descriptions(entry.get("attachments"))
    if entry.get("nonce") is not None and length(str(entry["nonce"])) > 25:
        raise too_long("nonce", 25)
    is_v2 = bool(int(entry.get("flags") or 0) & COMPONENTS_V2)
    if entry.get("components") is not None:
        components.check(entry["components"], v2=is_v2)
    allowed_mentions(entry.get("allowed_mentions"))
    if poll := entry.get("poll"):
        text(poll.get("question", {}).get("text"), "poll.question.text", 1, 300)
        for index, answer in enumerate(items(poll.get("answers"), "poll.answers", 1, 10)):
            text(answer.get("poll_media", {}).get("text"), f"poll.answers.{index}.poll_media.text", 1, 55)


def allowed_mentions(value: Any) -> None:
    if value is None:
        return
    parse = value.get("parse", [])
    for kind in parse:
        if kind not in ("users", "roles", "everyone"):
            raise invalid("allowed_mentions.parse.0", "BASE_TYPE_CHOICES", f"{kind} is not a valid mention type")
    for kind in ("users", "roles"):
        ids = items(value.get(kind), f"allowed_mentions.{kind}", 0, 100)
        if ids and kind in parse:
            raise invalid(f"allowed_mentions.{kind}", "MUTUALLY_EXCLUSIVE", f"parse and {kind} exclude each other")


def not_empty(content: str, *parts: object) -> None:
    """50006 unless there is something to show. Whitespace alone is nothing."""
    if not content.strip() and not any(parts):
        raise empty_message()


def v2_is_alone(entry: Json, content: str, embed_count: int) -> None:
    """A message of the second component system has no content, embeds, poll or stickers."""
    for name, used in (
        ("content", bool(content)),
        ("embeds", bool(embed_count)),
        ("poll", bool(entry.get("poll"))),
        ("sticker_ids", bool(entry.get("sticker_ids"))),
    ):
        if used:
            raise invalid(
                name,
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
            )
