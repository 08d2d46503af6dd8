"""REST: channels, threads, direct messages (documentation: resources/channel, topics/threads)."""

from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.discord import payloads, post, validate
from tests.fakes.discord.errors import (
    ApiError,
    cannot_dm,
    invalid,
    missing_permissions,
    not_in_this_channel,
    thread_archived,
    thread_exists,
    thread_locked,
    unknown_user,
)
from tests.fakes.discord.gateway import GUILDS
from tests.fakes.discord.model import ANNOUNCEMENT, PRIVATE_THREAD, PUBLIC_THREAD, TEXT, Channel, Message, User
from tests.fakes.discord.permissions import Permission as P
from tests.fakes.discord.permissions import may
from tests.fakes.discord.rest_messages import Handle, find_channel, find_message

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

DURATIONS = (60, 1440, 4320, 10080)
RENAMES, RENAME_WINDOW = 2, 600.0
SYSTEM_THREAD_STARTED = 18


def make_thread(
    world: "FakeDiscord",
    parent: Channel,
    body: dict[str, Any],
    kind: int,
    thread_id: int | None = None,
    owner: User | None = None,
) -> Channel:
    """By the bot, or by `owner`."""
    name = validate.text(body.get("name"), "name", 1, 100)
    duration = body.get("auto_archive_duration") or 1440
    if duration not in DURATIONS:
        raise invalid("auto_archive_duration", "BASE_TYPE_CHOICES", f"Value must be one of {DURATIONS}.")
    now = world.clock.now()
    thread = Channel(
        thread_id or world.ids.next(), kind, name, world, parent.guild, parent=parent, owner=owner or world.bot, auto_archive=duration,
        names=[(now, name)], archive_changed=now, thread_members={(owner or world.bot).id: now},
    )  # fmt: skip
    assert parent.guild is not None
    parent.guild.channels[thread.id] = world.channels[thread.id] = thread
    world.emit("THREAD_CREATE", GUILDS, thread, {**payloads.thread(thread), "newly_created": True})
    world.changed()
    return thread


def routes(world: "FakeDiscord") -> list[tuple[str, str, Handle]]:
    async def get(request: web.Request) -> web.Response:
        return web.json_response(payloads.channel(find_channel(world, request)))

    async def change(request: web.Request) -> web.Response:
        body, _ = await post.read(request)
        channel = find_channel(world, request)
        if not channel.is_thread:
            raise missing_permissions()
        mine = channel.owner is world.bot
        if channel.locked and "archived" in body and not may(world.bot, channel, P.MANAGE_THREADS):
            raise thread_locked()
        if channel.archived and body.get("archived") is not False:
            raise thread_archived()
        if not may(world.bot, channel, P.MANAGE_THREADS) and (not mine or "locked" in body):
            raise missing_permissions()
        now = world.clock.now()
        if "name" in body:
            name = validate.text(body["name"], "name", 1, 100)
            recent = [at for at, _ in channel.names[1:] if at > now - RENAME_WINDOW]
            if len(recent) >= RENAMES:
                wait = recent[0] + RENAME_WINDOW - now
                world.violation(f"thread {channel.name!r} was renamed more than twice in ten minutes")
                raise ApiError(429, 0, "You are being rate limited.", extra={"retry_after": wait, "global": False})
            channel.name = name
            channel.names.append((now, name))
        if "archived" in body:
            channel.archived, channel.archive_changed = bool(body["archived"]), now
        if "locked" in body:
            channel.locked = bool(body["locked"])
        world.emit("THREAD_UPDATE", GUILDS, channel, payloads.thread(channel))
        return web.json_response(payloads.thread(channel))

    def started(channel: Channel) -> web.Response:
        return web.json_response(payloads.thread(channel), status=201)

    async def from_message(request: web.Request) -> web.Response:
        body, _ = await post.read(request)
        message = find_message(world, request)
        if message.channel.type not in (TEXT, ANNOUNCEMENT):
            raise not_in_this_channel()
        if not may(world.bot, message.channel, P.CREATE_PUBLIC_THREADS):
            raise missing_permissions()
        if message.thread is not None:
            raise thread_exists()
        # A thread of a message has the message's own id.
        message.thread = make_thread(world, message.channel, body, PUBLIC_THREAD, message.id)
        return started(message.thread)

    async def alone(request: web.Request) -> web.Response:
        body, _ = await post.read(request)
        channel = find_channel(world, request)
        if channel.type not in (TEXT, ANNOUNCEMENT):
            raise not_in_this_channel()
        kind = int(body.get("type") or PRIVATE_THREAD)
        needed = P.CREATE_PRIVATE_THREADS if kind == PRIVATE_THREAD else P.CREATE_PUBLIC_THREADS
        if not may(world.bot, channel, needed):
            raise missing_permissions()
        thread = make_thread(world, channel, body, kind)
        line = Message(world.ids.next(), channel, world.bot, thread.name, type=SYSTEM_THREAD_STARTED)
        post.place(world, line)
        return started(thread)

    async def add_member(request: web.Request) -> web.Response:
        channel = find_channel(world, request)
        if channel.archived:
            raise thread_archived()
        who = request.match_info["user_id"]
        number = world.bot.id if who == "@me" else int(who)
        if number != world.bot.id and number not in world.users:
            raise unknown_user()
        channel.thread_members[number] = world.clock.now()
        return web.Response(status=204)

    async def direct(request: web.Request) -> web.Response:
        body, _ = await post.read(request)
        person = world.users.get(int(body["recipient_id"]))
        if person is None:
            raise cannot_dm()
        return web.json_response(payloads.channel(world.direct(person)))

    async def delete(request: web.Request) -> web.Response:
        channel = find_channel(world, request)
        if not channel.is_thread or not may(world.bot, channel, P.MANAGE_THREADS):
            raise missing_permissions()
        world.delete_channel(channel)
        return web.json_response(payloads.thread(channel))

    async def remove_member(request: web.Request) -> web.Response:
        channel = find_channel(world, request)
        who = request.match_info["user_id"]
        if who != "@me" and channel.owner is not world.bot and not may(world.bot, channel, P.MANAGE_THREADS):
            raise missing_permissions()
        channel.thread_members.pop(world.bot.id if who == "@me" else int(who), None)
        return web.Response(status=204)

    async def members(request: web.Request) -> web.Response:
        channel = find_channel(world, request)
        people = [world.users.get(number, world.bot) for number in channel.thread_members]
        return web.json_response([payloads.thread_member(channel, person) for person in people])

    base = "/channels/{channel_id}"
    return [
        ("GET", base, get),
        ("PATCH", base, change),
        ("DELETE", base, delete),
        ("POST", f"{base}/messages/{{message_id}}/threads", from_message),
        ("POST", f"{base}/threads", alone),
        ("PUT", f"{base}/thread-members/{{user_id}}", add_member),
        ("DELETE", f"{base}/thread-members/{{user_id}}", remove_member),
        ("GET", f"{base}/thread-members", members),
        ("POST", "/users/@me/channels", direct),
    ]
