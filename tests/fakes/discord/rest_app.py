"""REST: the app itself, its commands, the way to the gateway (documentation: application, application-commands)."""

from typing import TYPE_CHECKING

from aiohttp import web

from tests.fakes.discord import commands, payloads, post, validate
from tests.fakes.discord.commands import Command
from tests.fakes.discord.errors import too_many_creates, unknown_guild
from tests.fakes.discord.model import Json
from tests.fakes.discord.rest_messages import Handle

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

MOST_CREATES, DAY = 200, 86_400.0


def routes(world: "FakeDiscord") -> list[tuple[str, str, Handle]]:
    async def me(_: web.Request) -> web.Response:
        return web.json_response(
            payloads.user(world.bot) | {"verified": True, "mfa_enabled": False, "email": None, "locale": "en-US"}
        )

    async def application(_: web.Request) -> web.Response:
        owner = {"id": "1", "username": "owner", "discriminator": "0", "avatar": None, "global_name": None}
        return web.json_response(
            {
                "id": str(world.application_id), "name": world.bot.name, "icon": None, "description": "", "rpc_origins": [], "bot_public": True,
                "bot_require_code_grant": False, "owner": owner, "verify_key": "0" * 64, "team": None, "flags": world.application_flags,
                "tags": [], "summary": "", "integration_types_config": {"0": {}, "1": {}},
            }
        )  # fmt: skip

    async def gateway(_: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return web.json_response({"url": world.gateway_url, "shards": 1, "session_start_limit": limit})

    async def put_commands(request: web.Request) -> web.Response:
        body, _ = await post.read(request)
        guild_id = int(request.match_info["guild_id"]) if "guild_id" in request.match_info else None
        if guild_id is not None and guild_id not in world.guilds:
            raise unknown_guild()
        world.command_writes += 1
        entries: list[Json] = validate.items(body, "_", 0, 130)
        for number, entry in enumerate(entries):
            commands.check(entry, f"{number}.")
        commands.check_set(entries)
        known = {(one.name, one.type): one for one in world.commands if one.guild_id == guild_id}
        made = []
        for entry in entries:
            former = known.get(commands.key(entry))
            number = former.id if former else world.ids.next()
            made.append(Command(number, world.ids.next(), world.application_id, guild_id, entry))
        now, fresh = world.clock.now(), len({commands.key(one) for one in entries} - set(known))
        created = [at for at, place in world.command_creates if place == guild_id and at > now - DAY]
        if len(created) + fresh > MOST_CREATES:
            raise too_many_creates()
        world.command_creates += [(now, guild_id)] * fresh
        world.commands = [one for one in world.commands if one.guild_id != guild_id] + made
        return web.json_response([one.json() for one in made])

    async def get_commands(request: web.Request) -> web.Response:
        guild_id = int(request.match_info["guild_id"]) if "guild_id" in request.match_info else None
        return web.json_response([command.json() for command in world.commands if command.guild_id == guild_id])

    async def emojis(_: web.Request) -> web.Response:
        return web.json_response({"items": []})

    app = "/applications/{application_id}"
    return [
        ("GET", "/users/@me", me),
        ("GET", "/oauth2/applications/@me", application),
        ("GET", "/applications/@me", application),
        ("GET", "/gateway/bot", gateway),
        ("PUT", f"{app}/commands", put_commands),
        ("GET", f"{app}/commands", get_commands),
        ("PUT", f"{app}/guilds/{{guild_id}}/commands", put_commands),
        ("GET", f"{app}/guilds/{{guild_id}}/commands", get_commands),
        ("GET", f"{app}/emojis", emojis),
    ]
