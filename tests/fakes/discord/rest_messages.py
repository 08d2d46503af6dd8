"""REST: messages, reactions, typing (documentation: resources/message)."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiohttp import web

from tests.fakes.discord import payloads, post, validate
from tests.fakes.discord.errors import (
    cannot_dm,
    missing_access,
    missing_permissions,
    not_the_author,
    thread_archived,
    thread_locked,
    too_many_old_edits,
    unknown_channel,
    unknown_message,
    unknown_user,
)
from tests.fakes.discord.model import Channel, Json, Message
from tests.fakes.discord.permissions import Permission as P
from tests.fakes.discord.permissions import in_channel, may

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

Handle = Callable[[web.Request], Awaitable[web.Response]]
HOUR = 3_600.0
OLD_EDITS = 3


def find_channel(world: "FakeDiscord", request: web.Request) -> Channel:
    channel = world.channels.get(int(request.match_info["channel_id"]))
    if channel is None or channel.deleted:
        raise unknown_channel()
    if not in_channel(world.bot, channel):
        raise missing_access()
    return channel


def find_message(world: "FakeDiscord", request: web.Request) -> Message:
    message = find_channel(world, request).messages.get(int(request.match_info["message_id"]))
    if message is None or message.ephemeral_to is not None:
        raise unknown_message()
    return message


def check_may_write(world: "FakeDiscord", channel: Channel) -> None:
    needed = P.SEND_MESSAGES_IN_THREADS if channel.is_thread else P.SEND_MESSAGES
    if channel.guild is None and not channel.recipients[0].accepts_dms:
        raise cannot_dm()
    if not may(world.bot, channel, needed):
        raise missing_permissions()
    if channel.is_thread and channel.locked and not may(world.bot, channel, P.MANAGE_THREADS):
        raise thread_locked()


def routes(world: "FakeDiscord") -> list[tuple[str, str, Handle]]:
    def answer(message: Message, status: int = 200) -> web.Response:
        return web.json_response(shown(message), status=status)

    def shown(message: Message) -> Json:
        # Over REST the content is withheld like over the gateway.
        return payloads.message(message, world.bot, see_content=post.sees(world, message, world.allowed_intents))

    async def create(request: web.Request) -> web.Response:
        body, files = await post.read(request)
        channel = find_channel(world, request)
        check_may_write(world, channel)
        if files and not may(world.bot, channel, P.ATTACH_FILES):
            raise missing_permissions()
        if body.get("enforce_nonce") or body.get("nonce") is not None:
            same = [
                one
                for one in channel.messages.values()
                if one.nonce == str(body.get("nonce")) and one.author is world.bot
            ]
            if same and body.get("enforce_nonce"):
                return answer(same[-1])
        reference = None
        if given := body.get("message_reference"):
            reference = channel.messages.get(int(given["message_id"]))
            if reference is None and given.get("fail_if_not_exists", True):
                raise unknown_message()
        if channel.is_thread and channel.archived:
            channel.archived = False  # a new message opens a thread that is not locked
            world.emit("THREAD_UPDATE", 1, channel, payloads.thread(channel))
        message = post.create(world, channel, world.bot, body, files, reference=reference, type=19 if reference else 0)
        return answer(message)

    async def edit(request: web.Request) -> web.Response:
        body, files = await post.read(request)
        message = find_message(world, request)
        if message.author is not world.bot:
            raise not_the_author()
        channel, now = message.channel, world.clock.now()
        if channel.is_thread and channel.archived:
            raise thread_archived()
        if now - message.created_at > HOUR:
            channel.old_edits = [at for at in channel.old_edits if at > now - HOUR]
            if len(channel.old_edits) >= OLD_EDITS:
                raise too_many_old_edits()
            channel.old_edits.append(now)
        return answer(post.change(world, message, body, files))

    async def delete(request: web.Request) -> web.Response:
        message = find_message(world, request)
        if message.author is not world.bot and not may(world.bot, message.channel, P.MANAGE_MESSAGES):
            raise missing_permissions()
        post.remove(world, message)
        return web.Response(status=204)

    async def get(request: web.Request) -> web.Response:
        message = find_message(world, request)
        if not may(world.bot, message.channel, P.READ_MESSAGE_HISTORY):
            raise missing_permissions()
        return answer(message)

    async def listed(request: web.Request) -> web.Response:
        channel = find_channel(world, request)
        limit = validate.integer(int(request.query.get("limit", 50)), "limit", 1, 100)
        found = [one for one in channel.messages.values() if one.ephemeral_to is None]
        if not may(world.bot, channel, P.READ_MESSAGE_HISTORY):
            found = []  # no refusal, just nothing
        if around := request.query.get("around"):
            half, middle = limit // 2, int(around)
            older = [one for one in found if one.id < middle][-half:] if half else []
            found = [*older, *[one for one in found if one.id >= middle][: limit - half]]
        if before := request.query.get("before"):
            found = [one for one in found if one.id < int(before)]
        if after := request.query.get("after"):
            found = [one for one in found if one.id > int(after)][:limit]
        return web.json_response([shown(one) for one in reversed(found[-limit:])])

    async def typing(request: web.Request) -> web.Response:
        channel = find_channel(world, request)
        check_may_write(world, channel)
        channel.typing.append((world.clock.now(), world.bot))
        return web.Response(status=204)

    async def react(request: web.Request) -> web.Response:
        message = find_message(world, request)
        if not may(world.bot, message.channel, P.ADD_REACTIONS, P.READ_MESSAGE_HISTORY):
            raise missing_permissions()
        if message.channel.is_thread and message.channel.archived:
            raise thread_archived()
        post.react(world, message, world.bot, unquote(request.match_info["emoji"]))
        return web.Response(status=204)

    async def unreact(request: web.Request) -> web.Response:
        message = find_message(world, request)
        who = request.match_info.get("user_id")
        person = world.bot if who is None else world.users.get(int(who))
        if person is None:
            raise unknown_user()
        if person is not world.bot and not may(world.bot, message.channel, P.MANAGE_MESSAGES):
            raise missing_permissions()
        post.unreact(world, message, person, unquote(request.match_info["emoji"]))
        return web.Response(status=204)

    base = "/channels/{channel_id}"
    return [
        ("POST", f"{base}/messages", create),
        ("GET", f"{base}/messages", listed),
        ("GET", f"{base}/messages/{{message_id}}", get),
        ("PATCH", f"{base}/messages/{{message_id}}", edit),
        ("DELETE", f"{base}/messages/{{message_id}}", delete),
        ("POST", f"{base}/typing", typing),
        ("PUT", f"{base}/messages/{{message_id}}/reactions/{{emoji}}/@me", react),
        ("DELETE", f"{base}/messages/{{message_id}}/reactions/{{emoji}}/@me", unreact),
        ("DELETE", f"{base}/messages/{{message_id}}/reactions/{{emoji}}/{{user_id}}", unreact),
    ]
