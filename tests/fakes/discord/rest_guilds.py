"""REST: servers, their members, roles and threads, and people (documentation: resources/guild, resources/user)."""

from typing import TYPE_CHECKING

from aiohttp import web

from tests.fakes.discord import payloads, validate
from tests.fakes.discord.errors import missing_access, unknown_guild, unknown_member, unknown_user
from tests.fakes.discord.model import Guild
from tests.fakes.discord.permissions import Permission as P
from tests.fakes.discord.permissions import in_channel, may
from tests.fakes.discord.post import sees
from tests.fakes.discord.rest_messages import Handle

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord


def routes(world: "FakeDiscord") -> list[tuple[str, str, Handle]]:
    def find(request: web.Request) -> Guild:
        found = world.guilds.get(int(request.match_info["guild_id"]))
        if found is None:
            raise unknown_guild()
        if not found.has_bot:
            raise missing_access()
        return found

    async def guild(request: web.Request) -> web.Response:
        return web.json_response(payloads.guild(find(request), world.bot, large=False))

    async def channels(request: web.Request) -> web.Response:
        places = [one for one in find(request).channels.values() if not one.is_thread]
        return web.json_response([payloads.channel(one) for one in places])

    async def threads(request: web.Request) -> web.Response:
        threads = [one for one in find(request).threads if not one.archived and in_channel(world.bot, one)]
        mine = [payloads.thread_member(one, world.bot) for one in threads if world.bot.id in one.thread_members]
        return web.json_response({"threads": [payloads.thread(one) for one in threads], "members": mine})

    async def roles(request: web.Request) -> web.Response:
        place = find(request)
        return web.json_response([payloads.role(one, at) for at, one in enumerate([place.everyone, *place.roles])])

    async def member(request: web.Request) -> web.Response:
        found = find(request).members.get(int(request.match_info["user_id"]))
        if found is None:
            raise unknown_member()
        return web.json_response(payloads.member(found))

    async def user(request: web.Request) -> web.Response:
        found = world.users.get(int(request.match_info["user_id"]))
        if found is None:
            raise unknown_user()
        return web.json_response(payloads.user(found))

    async def search(request: web.Request) -> web.Response:
        """What the bot can see, the newest first; each hit in a group of its own (resources/message)."""
        guild = find(request)
        if not guild.indexed:
            return web.json_response(
                {"message": "Index not yet available", "code": 110000, "documents_indexed": 0, "retry_after": 5},
                status=202,
            )
        words = validate.text(request.query.get("content", ""), "content", 0, 1024).casefold().split()
        limit = validate.integer(int(request.query.get("limit", 25)), "limit", 1, 25)
        places = [one for one in guild.channels.values() if may(world.bot, one, P.VIEW_CHANNEL, P.READ_MESSAGE_HISTORY)]
        hits = [
            one
            for place in places
            for one in place.messages.values()
            if one.ephemeral_to is None and all(word in one.content.casefold() for word in words)
        ]
        hits.sort(key=lambda one: one.id, reverse=True)
        shown = [
            {**payloads.message(one, world.bot, see_content=sees(world, one, world.allowed_intents)), "hit": True}
            for one in hits[:limit]
        ]
        threads = {one.channel.id: one.channel for one in hits if one.channel.is_thread}
        return web.json_response(
            {
                "messages": [[one] for one in shown],
                "total_results": len(hits),
                "doing_deep_historical_index": False,
                "threads": [payloads.thread(one) for one in threads.values()],
                "members": [],
            }
        )

    base = "/guilds/{guild_id}"
    return [
        ("GET", base, guild),
        ("GET", f"{base}/channels", channels),
        ("GET", f"{base}/threads/active", threads),
        ("GET", f"{base}/roles", roles),
        ("GET", f"{base}/messages/search", search),
        ("GET", f"{base}/members/{{user_id}}", member),
        ("GET", "/users/{user_id}", user),
    ]
