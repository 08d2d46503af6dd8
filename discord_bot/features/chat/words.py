"""A message as plain words: names instead of ids, and text for everything that is not plain text. Pure over the message."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import discord

TOKEN = re.compile(r"<(?:(@!?|@&|#)(\d+)|a?:(\w{1,40}):\d+|/([^:<>]{1,80}):\d+|t:(-?\d{1,13})(?::[a-zA-Z])?)>")
LONGEST_EMBED = 4_000


def named(text: str, names: Mapping[tuple[str, int], str]) -> str:
    """Mentions of people, roles, channels and commands, custom emoji and times, as a reader sees them."""

    def word(match: "re.Match[str]") -> str:
        mark, number, emoji, command, moment = match.groups()
        if mark:
            kind = mark.rstrip("!")
            name = names.get((kind, int(number)))
            return match[0] if name is None else f"{'#' if kind == '#' else '@'}{name}"
        if emoji:
            return f":{emoji}:"
        return f"/{command}" if command else _moment(int(moment))

    return TOKEN.sub(word, text)


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def names_in(message: discord.Message) -> dict[tuple[str, int], str]:
    """What the ids in a message stand for."""
    names = {("@", person.id): person.display_name for person in message.mentions}
    if message.guild is not None:
        for number in message.raw_role_mentions:
            if (role := message.guild.get_role(number)) is not None:
                names["@&", number] = role.name
        for number in message.raw_channel_mentions:
            if (channel := message.guild.get_channel_or_thread(number)) is not None:
                names["#", number] = channel.name
    return names


def names_of(guild: Any, text: str) -> dict[tuple[str, int], str]:
    """What the ids in a typed text stand for, as far as the server is known."""
    names: dict[tuple[str, int], str] = {}
    for match in TOKEN.finditer(text) if guild is not None else ():
        kind, number = (match[1] or "").rstrip("!"), int(match[2] or 0)
        lookup = {"@&": guild.get_role, "#": guild.get_channel_or_thread, "@": guild.get_member}.get(
            kind, lambda _: None
        )(number)
        if lookup is not None:
            names[kind, number] = getattr(lookup, "display_name", lookup.name)
    return names


def said_by(message: Any, names: Mapping[tuple[str, int], str], *, embeds: bool) -> str:
    """Text, stickers and polls; `embeds`: also the cards below it, which are only previews for people's own links."""
    parts = [named(message.content, names)]
    parts += [f"[sticker: {embed.name}]" for embed in getattr(message, "stickers", ())]
    poll = getattr(message, "poll", None)
    if poll is not None:
        parts.append(f"[poll: {poll.question} – {'; '.join(map(_choice, poll.answers))}]")
    if embeds:
        parts += [_embed(embed) for embed in message.embeds]
        parts += _displays(getattr(message, "components", ()))
    return "\n".join(part for part in parts if part.strip())


def _choice(answer: discord.PollAnswer) -> str:
    """Votes are shown once there are any."""
    text = " ".join(filter(None, (str(answer.emoji or ""), answer.text)))
    return f"{text} ({answer.vote_count})" if answer.vote_count else text


def _embed(embed: discord.Embed) -> str:
    if embed.type == "poll_result":
        return _poll_result({field.name or "": field.value or "" for field in embed.fields})
    lines = [embed.author.name or "", embed.title or "", embed.description or ""]
    lines += [f"{field.name}: {field.value}" for field in embed.fields]
    lines.append(embed.footer.text or "")
    return "\n".join(line for line in lines if line)[:LONGEST_EMBED]


def _poll_result(fields: Mapping[str, str]) -> str:
    """The message with which Discord ends a poll (resources/message, poll result embed fields)."""
    winner = fields.get("victor_answer_text") or fields.get("victor_answer_emoji_name") or ""
    said = (
        f"{winner or 'no winner'}, {fields.get('victor_answer_votes', '0')} of {fields.get('total_votes', '0')} votes"
    )
    return f"[result of the poll: {fields.get('poll_question_text', '')} – {said}]"


def _displays(components: Iterable[Any]) -> list[str]:
    """The texts of a message that consists of components."""
    texts: list[str] = []
    for component in components:
        if isinstance(component, discord.TextDisplay):
            texts.append(component.content)
        texts += _displays(getattr(component, "children", ()))
    return texts
