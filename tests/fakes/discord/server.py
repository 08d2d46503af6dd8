"""The world: what exists, who may enter, and the HTTP door in front of it. The rules stand in the modules beside."""

import asyncio
import re
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.fakes.discord import payloads, permissions
from tests.fakes.discord.clock import Clock, Snowflakes
from tests.fakes.discord.commands import Command
from tests.fakes.discord.door import API, Door, Fault, Logged
from tests.fakes.discord.gateway import GUILDS, KNOWN_INTENTS, Gateway
from tests.fakes.discord.interaction import Interaction
from tests.fakes.discord.model import (
    DM,
    PUBLIC_THREAD,
    TEXT,
    Attachment,
    Channel,
    File,
    Guild,
    Member,
    Message,
    Role,
    User,
)
from tests.fakes.discord.people import Person
from tests.fakes.discord.ratelimit import Buckets, Limits


class FakeDiscord:
    """`async with FakeDiscord() as discord:`. `violations` must be empty at the end of a test."""

    def __init__(
        self, *, limits: Limits | None = None, allowed_intents: int = KNOWN_INTENTS, heartbeat_ms: int = 41_250
    ) -> None:
        self.clock = Clock()
        self.ids = Snowflakes(self.clock)
        self.token = f"fake.{secrets.token_hex(8)}.token"
        self.application_id = self.ids.next()
        self.bot = User(self.application_id, "Antiphon", bot=True)
        self.allowed_intents, self.application_flags = allowed_intents, 1 << 18 | 1 << 19
        self.users: dict[int, Person] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.commands: list[Command] = []
        self.command_writes = 0
        self.command_creates: list[tuple[float, int | None]] = []
        self.interactions: dict[str, Interaction] = {}
        self.files: dict[str, Attachment] = {}
        self.downloads = asyncio.Event()  # cleared: whoever loads a file waits
        self.downloads.set()
        self.violations: list[str] = []
        self.refusals: list[str] = []
        self.log: list[Logged] = []
        self.door = Door(self)
        self.gateway = Gateway(self, heartbeat_ms)
        self.buckets = Buckets(limits or Limits())
        self._condition = asyncio.Condition()
        self._notifying: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    # --- life ------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        from tests.fakes.discord import rest_app, rest_channels, rest_guilds, rest_interactions, rest_messages

        app = web.Application(middlewares=[self.door.enter], client_max_size=64 * 1024 * 1024)
        for module in (rest_app, rest_guilds, rest_channels, rest_messages, rest_interactions):
            for method, path, handle in module.routes(self):
                app.router.add_route(method, API + path, handle)
        for path in ("/gateway", "/gateway/"):
            app.router.add_get(path, self.gateway.handle)
        app.router.add_get("/cdn/{id}/{name}", self._cdn)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.gateway.close()
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._port}{API}"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/gateway"

    # --- making things -----------------------------------------------------------------------------

    def add_user(self, name: str, *, locale: str = "en-US") -> Person:
        person = Person(self.ids.next(), name, locale)
        person.world = self
        self.users[person.id] = person
        return person

    def add_guild(self, name: str = "Choir", *, locale: str = "en-US", owner: Person | None = None) -> Guild:
        owner = owner or self.add_user(f"{name} owner", locale=locale)
        guild_id = self.ids.next()
        everyone = Role(guild_id, "@everyone", int(permissions.DEFAULT))
        guild = Guild(guild_id, name, locale, self, owner, everyone)
        robot = Role(
            self.ids.next(),
            self.bot.name,
            int(permissions.DEFAULT | permissions.Permission.MANAGE_THREADS),
            managed=True,
            bot_id=self.bot.id,
        )
        guild.roles.append(robot)
        now = self.clock.now()
        guild.members = {owner.id: Member(owner, joined_at=now), self.bot.id: Member(self.bot, [robot], joined_at=now)}
        self.guilds[guild.id] = guild
        return guild

    def add_text_channel(self, guild: Guild, name: str, **more: Any) -> Channel:
        return self.add_channel(guild, name, TEXT, **more)

    def add_channel(self, guild: Guild, name: str, kind: int, **more: Any) -> Channel:
        """Of any kind, such as VOICE or FORUM."""
        channel = Channel(self.ids.next(), kind, name, self, guild, **more)
        guild.channels[channel.id] = self.channels[channel.id] = channel
        self.emit("CHANNEL_CREATE", GUILDS, channel, payloads.channel(channel))
        return channel

    def add_thread(self, parent: Channel, name: str, owner: User) -> Channel:
        """One that a person has made; in a forum it is a post."""
        thread = Channel(self.ids.next(), PUBLIC_THREAD, name, self, parent.guild, parent=parent, owner=owner)
        assert parent.guild is not None
        parent.guild.channels[thread.id] = self.channels[thread.id] = thread
        self.emit("THREAD_CREATE", GUILDS, thread, payloads.thread(thread))
        return thread

    def delete_channel(self, channel: Channel) -> None:
        """A channel or a thread goes, and the threads under it."""
        assert channel.guild is not None, "direct messages stay"
        for thread in [one for one in channel.guild.threads if one.parent is channel]:
            self.delete_channel(thread)
        event = "THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE"
        self.emit(event, GUILDS, channel, payloads.channel(channel))
        channel.deleted = True
        channel.guild.channels.pop(channel.id)
        self.changed()

    def change_channel(self, channel: Channel, overwrites: dict[int, tuple[int, int]]) -> None:
        """A moderator changes who may do what there."""
        channel.overwrites.update(overwrites)
        self.emit("CHANNEL_UPDATE", GUILDS, channel, payloads.channel(channel))
        self.changed()

    def change_thread(self, thread: Channel, *, archived: bool | None = None, locked: bool | None = None) -> None:
        """By a moderator, by time, or by somebody who writes there again."""
        if archived is not None:
            thread.archived, thread.archive_changed = archived, self.clock.now()
        if locked is not None:
            thread.locked = locked
        self.emit("THREAD_UPDATE", GUILDS, thread, payloads.thread(thread))
        self.changed()

    def join(self, guild: Guild, *people: Person, roles: list[Role] | None = None) -> None:
        for person in people:
            guild.members[person.id] = Member(person, list(roles or []), joined_at=self.clock.now())

    def direct(self, person: User) -> Channel:
        for channel in self.channels.values():
            if channel.type == DM and person in channel.recipients:
                return channel
        channel = Channel(self.ids.next(), DM, "", self, recipients=[person, self.bot])
        self.channels[channel.id] = channel
        return channel

    def attach(self, file: File) -> Attachment:
        number = self.ids.next()
        width = height = None
        if file.content[:8] == b"\x89PNG\r\n\x1a\n":
            width, height = (int.from_bytes(file.content[at : at + 4]) for at in (16, 20))
        url = f"http://127.0.0.1:{self._port}/cdn/{number}/{file.name}"
        attachment = Attachment(number, file, url, file.description, width, height)
        self.files[str(number)] = attachment
        return attachment

    # --- watching ------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Something happened: whoever waits looks again."""

        async def notify() -> None:
            async with self._condition:
                self._condition.notify_all()

        task = asyncio.get_running_loop().create_task(notify())
        self._notifying.add(task)
        task.add_done_callback(self._notifying.discard)

    async def wait_for(self, predicate: Callable[[], Any], timeout: float = 40.0) -> Any:
        """The predicate's value as soon as it is truthy; looked at after every change, never by polling."""
        found: Any = None

        def look() -> bool:
            nonlocal found
            found = predicate()
            return bool(found)

        try:
            async with asyncio.timeout(timeout), self._condition:
                await self._condition.wait_for(look)
        except TimeoutError:
            recent = "\n".join(
                f"{entry.method} {entry.path} {entry.status} {str(entry.body)[:200]}" for entry in self.log[-12:]
            )
            raise AssertionError(
                f"it did not happen within {timeout} s; violations {self.violations}; the last requests:\n{recent}"
            ) from None
        return found

    async def ready(self) -> None:
        """The bot has identified, and its commands are known."""
        await self.wait_for(lambda: self.gateway.live and self.commands, timeout=40)

    def violation(self, text: str) -> None:
        self.violations.append(text)

    def fail_next(self, method: str, path: str, status: int = 500, times: int = 1) -> None:
        """`path` is a regular expression over the path below the API's root."""
        self.door.faults.append(Fault(method, re.compile(path), status, times))

    def emit(self, event: str, intent: int, channel: Channel, body: Any) -> None:
        """An event about a channel; a bot that cannot see the channel does not hear of it."""
        guild = channel.guild
        if guild is not None and not (guild.has_bot and permissions.in_channel(self.bot, channel)):
            return
        self.gateway.emit(event, intent, channel.guild, body)

    def command(self, name: str, kind: int = 1) -> Command:
        """By its default or any translated name. KeyError if the bot has registered none such."""
        for command in self.commands:
            names = [command.name, *(command.body.get("name_localizations") or {}).values()]
            if command.type == kind and name in names:
                return command
        raise KeyError(name)

    async def drop_gateway(self, code: int | None = None, *, resumable: bool = True) -> None:
        """Closes the bot's connections with this code; None cuts them without a word."""
        await self.gateway.drop(code, resumable=resumable)

    @property
    def unanswered(self) -> list[Interaction]:
        """What people pressed or typed and the bot has not answered (yet)."""
        return [interaction for interaction in self.interactions.values() if interaction.acknowledged_at is None]

    def remove_bot(self, guild: Guild) -> None:
        """The bot is thrown out of the server."""
        self.gateway.emit("GUILD_DELETE", GUILDS, guild, {"id": str(guild.id)})
        guild.has_bot = False
        self.changed()

    async def join_bot(self, guild: Guild) -> None:
        """The bot is invited while it runs."""
        guild.has_bot = True
        self.gateway.emit("GUILD_CREATE", GUILDS, guild, payloads.guild(guild, self.bot))

    # --- files ------------------------------------------------------------------------------------------

    async def _cdn(self, request: web.Request) -> web.Response:
        found = self.files.get(request.match_info["id"])
        await self.downloads.wait()
        if found is None:
            return web.Response(status=404)
        return web.Response(body=found.content, content_type=found.file.content_type.partition(";")[0])

    def message(self, channel: Channel, message_id: int) -> Message | None:
        return channel.messages.get(message_id)
