"""Records → the JSON objects of the API (documentation: resources/*). Ids are strings, times ISO 8601."""

from tests.fakes.discord import permissions
from tests.fakes.discord.clock import iso
from tests.fakes.discord.model import (
    DM,
    HAS_THREAD,
    Attachment,
    Channel,
    Guild,
    Json,
    Member,
    Message,
    Role,
    User,
)


def user(person: User) -> Json:
    return {
        "id": str(person.id),
        "username": person.name,
        "global_name": None if person.bot else person.name,
        "discriminator": "0000" if person.bot else "0",
        "avatar": None,
        "bot": person.bot,
        "system": False,
        "public_flags": 0,
        "flags": 0,
        "banner": None,
        "accent_color": None,
        "avatar_decoration_data": None,
        "primary_guild": None,
    }


def member(entry: Member, *, with_user: bool = True) -> Json:
    body: Json = {
        "roles": [str(role.id) for role in entry.roles],
        "joined_at": iso(entry.joined_at),
        "premium_since": None,
        "nick": entry.nick,
        "avatar": None,
        "banner": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
        "communication_disabled_until": None,
    }
    if with_user:
        body["user"] = user(entry.user)
    return body


def role(entry: Role, position: int = 1) -> Json:
    return {
        "id": str(entry.id),
        "name": entry.name,
        "permissions": str(entry.permissions),
        "position": position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "managed": entry.managed,
        **({"tags": {"bot_id": str(entry.bot_id)}} if entry.bot_id is not None else {}),
        "mentionable": entry.mentionable,
        "flags": 0,
    }


def channel(place: Channel) -> Json:
    if place.is_thread:
        return thread(place)
    newest = max(place.messages, default=None)
    body: Json = {
        "id": str(place.id),
        "type": place.type,
        "last_message_id": None if newest is None else str(newest),
        "flags": 0,
        "last_pin_timestamp": None,
    }
    if place.type == DM:
        body["recipients"] = [user(person) for person in place.recipients if not person.bot]
        return body
    assert place.guild is not None
    body |= {
        "guild_id": str(place.guild.id),
        "name": place.name,
        "topic": place.topic,
        "nsfw": place.nsfw,
        "position": 0,
        "parent_id": None,
        "rate_limit_per_user": 0,
        "default_auto_archive_duration": place.default_auto_archive,
        "permission_overwrites": [
            {
                "id": str(target),
                "type": 1 if target in place.guild.members else 0,
                "allow": str(int(allow)),
                "deny": str(int(deny)),
            }
            for target, (allow, deny) in place.overwrites.items()
        ],
    }
    if place.type in (2, 13):
        body |= {"bitrate": 64_000, "user_limit": 0, "rtc_region": None, "video_quality_mode": 1}
    if place.type == 15:
        body |= {"available_tags": [], "default_reaction_emoji": None, "default_sort_order": None}
        body |= {"default_forum_layout": 0, "default_thread_rate_limit_per_user": 0}
    return body


def thread(place: Channel) -> Json:
    assert place.guild is not None
    assert place.parent is not None
    assert place.owner is not None
    newest = max(place.messages, default=None)
    body: Json = {
        "id": str(place.id),
        "type": place.type,
        "guild_id": str(place.guild.id),
        "parent_id": str(place.parent.id),
        "owner_id": str(place.owner.id),
        "name": place.name,
        "last_message_id": None if newest is None else str(newest),
        "message_count": len(place.messages),
        "member_count": min(50, len(place.thread_members)),
        "total_message_sent": len(place.messages) + len(place.removed),
        "rate_limit_per_user": 0,
        "flags": 0,
        "applied_tags": [str(tag) for tag in place.applied_tags],
        "thread_metadata": {
            "archived": place.archived,
            "auto_archive_duration": place.auto_archive,
            "archive_timestamp": iso(place.archive_changed),
            "locked": place.locked,
            "create_timestamp": iso(place.archive_changed),
        },
    }
    if place.is_private:
        body["thread_metadata"]["invitable"] = place.invitable
    return body


def thread_member(place: Channel, person: User) -> Json:
    joined = iso(place.thread_members.get(person.id, 0.0))
    return {"id": str(place.id), "user_id": str(person.id), "join_timestamp": joined, "flags": 0}


def attachment(entry: Attachment) -> Json:
    body: Json = {
        "id": str(entry.id),
        "filename": entry.filename,
        "size": len(entry.content),
        "url": entry.url,
        "proxy_url": entry.url,
        "content_type": entry.file.content_type,
        "flags": 0,
    }
    if entry.description:
        body["description"] = entry.description
    if entry.width is not None:
        body |= {"width": entry.width, "height": entry.height}
    if entry.ephemeral:
        body["ephemeral"] = True
    if entry.seconds is not None:
        body |= {"duration_secs": entry.seconds, "waveform": "AAAA"}
    return body


def emoji(text: str) -> Json:
    name, _, snowflake = text.partition(":")
    return {"id": snowflake or None, "name": name, "animated": False}


def message(entry: Message, viewer: User, *, see_content: bool = True, depth: int = 1) -> Json:
    """The message object. Without `see_content` the five fields of the privileged intent are emptied."""
    body: Json = {
        "id": str(entry.id),
        "channel_id": str(entry.channel.id),
        "author": user(entry.author),
        "content": entry.content if see_content else "",
        "timestamp": iso(entry.created_at),
        "edited_timestamp": iso(entry.edited_at),
        "tts": False,
        "mention_everyone": entry.mention_everyone,
        "mentions": [user(person) for person in entry.mentions],
        "mention_roles": [str(r.id) for r in entry.mention_roles],
        "attachments": [attachment(a) for a in entry.attachments] if see_content else [],
        "embeds": entry.embeds if see_content else [],
        "components": entry.components if see_content else [],
        "pinned": False,
        "type": entry.type,
        "flags": entry.flags | (HAS_THREAD if entry.thread else 0),
        "reactions": [
            {
                "emoji": emoji(name),
                "count": len(people),
                "count_details": {"burst": 0, "normal": len(people)},
                "me": viewer in people,
                "me_burst": False,
                "burst_colors": [],
            }
            for name, people in entry.reactions.items()
        ],
    }
    if entry.nonce is not None:
        body["nonce"] = entry.nonce
    if entry.webhook_id is not None:
        body["webhook_id"] = str(entry.webhook_id)
        body["application_id"] = str(entry.webhook_id)
    if entry.interaction is not None:
        body["interaction_metadata"] = {
            "id": str(entry.interaction.id),
            "type": entry.interaction.type,
            "user": user(entry.interaction.user),
            "authorizing_integration_owners": entry.interaction.owners,
        }
        if entry.interaction.type == 2:
            name = entry.interaction.data["name"]
            person = user(entry.interaction.user)
            body["interaction"] = {"id": str(entry.interaction.id), "type": 2, "name": name, "user": person}
    if entry.reference is not None:
        body["message_reference"] = reference(entry.reference)
        if entry.type in (19, 21) and depth:
            gone = entry.reference.deleted_at is not None
            body["referenced_message"] = (
                None if gone else message(entry.reference, viewer, see_content=see_content, depth=0)
            )
    if entry.thread is not None and not entry.thread.deleted:
        body["thread"] = thread(entry.thread)
    if entry.poll is not None:
        body["poll"] = entry.poll
    if entry.stickers:
        body["sticker_items"] = _stickers(entry)
    if entry.forwarded is not None:
        body["message_reference"] = {**reference(entry.forwarded), "type": 1}
        body["message_snapshots"] = [{"message": snapshot(entry.forwarded)}] if see_content else []
    return body


def _stickers(entry: Message) -> list[Json]:
    return [
        {"id": str(entry.id + number), "name": name, "format_type": 1} for number, name in enumerate(entry.stickers)
    ]


def snapshot(entry: Message) -> Json:
    """What a forward shows of a message: everything but who wrote it (resources/message, message snapshot)."""
    return {
        "type": entry.type,
        "content": entry.content,
        "embeds": entry.embeds,
        "attachments": [attachment(one) for one in entry.attachments],
        "timestamp": iso(entry.created_at),
        "edited_timestamp": iso(entry.edited_at),
        "flags": entry.flags,
        "mentions": [user(person) for person in entry.mentions],
        "mention_roles": [str(one.id) for one in entry.mention_roles],
        "sticker_items": _stickers(entry),
        "components": entry.components,
    }


def reference(target: Message) -> Json:
    body: Json = {"type": 0, "message_id": str(target.id), "channel_id": str(target.channel.id)}
    if target.channel.guild:
        body["guild_id"] = str(target.channel.guild.id)
    return body


def guild(place: Guild, viewer: User, *, large: bool = True) -> Json:
    """The guild object; with `large` as GUILD_CREATE sends it, with channels, threads and members."""
    body: Json = {
        "id": str(place.id),
        "name": place.name,
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "owner_id": str(place.owner.id),
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": [role(place.everyone, 0), *(role(r, i + 1) for i, r in enumerate(place.roles))],
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "application_id": None,
        "system_channel_id": str(place.system_channel.id) if place.system_channel else None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "vanity_url_code": None,
        "description": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": False,
        "preferred_locale": place.locale,
        "public_updates_channel_id": None,
        "safety_alerts_channel_id": None,
        "nsfw_level": 0,
        "region": "deprecated",
    }
    if large:
        channels = [c for c in place.channels.values() if permissions.in_channel(viewer, c)]
        body |= {
            "joined_at": iso(place.members[viewer.id].joined_at),
            "large": False,
            "unavailable": False,
            "member_count": len(place.members),
            "voice_states": [],
            "members": [member(m) for m in place.members.values()],
            "channels": [channel(c) for c in place.channels.values() if not c.is_thread],
            "threads": [thread(c) for c in channels if c.is_thread and not c.archived],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }
    return body
