"""REST: servers, their members, roles and threads, and people (documentation: resources/guild, resources/user)."""

from typing import TYPE_CHECKING

from aiohttp import web

from tests.fakes.discord import payloads
from tests.fakes.discord.errors import missing_access, unknown_guild, unknown_member, unknown_user
from tests.fakes.discord.model import Guild
from tests.fakes.discord.permissions import in_channel
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
        seen = [one for one in find(request).threads if not one.archived and in_channel(world.bot, one)]
        mine = [payloads.thread_member(one, world.bot) for one in seen if world.bot.id in one.thread_members]
        return web.json_response({"threads": [payloads.thread(one) for one in seen], "members": mine})

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

    base = "/guilds/{guild_id}"
    return [
        ("GET", base, guild),
        ("GET", f"{base}/channels", channels),
        ("GET", f"{base}/threads/active", threads),
        ("GET", f"{base}/roles", roles),
        ("GET", f"{base}/members/{{user_id}}", member),
        ("GET", "/users/{user_id}", user),
    ]
