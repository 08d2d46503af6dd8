"""The WebSocket side (documentation: topics/gateway): sessions, heartbeats, resuming, intents, compression.

A session outlives its socket: after an abnormal close the events it missed wait for a RESUME; a close with 1000 or
1001 by the client ends it.
"""

import asyncio
import contextlib
import importlib
import json
import secrets
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.fakes.discord import payloads
from tests.fakes.discord.model import Channel, Guild, Json

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

# Opcodes that the server sends; those of the client stand in `_answer`: 1 heartbeat, 2 identify, 3 presence,
# 4 voice, 6 resume, 8 request members.
DISPATCH, RECONNECT, INVALID, HELLO, ACK = 0, 7, 9, 10, 11

GUILDS, GUILD_MEMBERS, GUILD_MESSAGES, GUILD_REACTIONS, GUILD_TYPING = 1 << 0, 1 << 1, 1 << 9, 1 << 10, 1 << 11
DIRECT_MESSAGES, DIRECT_REACTIONS, DIRECT_TYPING, MESSAGE_CONTENT = 1 << 12, 1 << 13, 1 << 14, 1 << 15
PRESENCES = 1 << 8
KNOWN_INTENTS = (1 << 17) - 1 | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25


class Compressor:
    """`compress=zlib-stream` or `zstd-stream`: one context for the whole connection, flushed after each message."""

    def __init__(self, kind: str | None) -> None:
        self._zlib = zlib.compressobj() if kind == "zlib-stream" else None
        self._zstd: Any = None
        if kind == "zstd-stream":
            module = importlib.import_module("compression.zstd")
            self._zstd, self._flush = module.ZstdCompressor(), module.ZstdCompressor.FLUSH_BLOCK

    def __call__(self, text: str) -> bytes | str:
        if self._zlib:
            return self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        if self._zstd:
            return bytes(self._zstd.compress(text.encode(), mode=self._flush))
        return text


class Pipe:
    """One socket: what is put in leaves in order; nobody waits for a slow reader."""

    def __init__(self, socket: web.WebSocketResponse, compress: str | None) -> None:
        self.socket = socket
        self._pack = Compressor(compress)
        self._queue: asyncio.Queue[Json] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    def put(self, op: int, body: Any = None, *, event: str | None = None, seq: int | None = None) -> None:
        self._queue.put_nowait({"op": op, "d": body, "s": seq, "t": event})

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                packed = self._pack(json.dumps(await self._queue.get()))
                if isinstance(packed, bytes):
                    await self.socket.send_bytes(packed)
                else:
                    await self.socket.send_str(packed)
                self._queue.task_done()

    async def flush(self) -> None:
        joined = asyncio.create_task(self._queue.join())
        await asyncio.wait([joined, self._writer], return_when=asyncio.FIRST_COMPLETED)
        joined.cancel()

    def stop(self) -> None:
        self._writer.cancel()


@dataclass(eq=False)
class Session:
    id: str
    intents: int
    shard: tuple[int, int]
    pipe: Pipe | None
    events: list[tuple[str, Any]] = field(default_factory=list)
    resumable: bool = True

    @property
    def online(self) -> bool:
        return self.pipe is not None

    def sees(self, guild: Guild | None) -> bool:
        number, count = self.shard
        return number == (0 if guild is None else (guild.id >> 22) % count)

    def put(self, event: str, body: Any) -> None:
        self.events.append((event, body))
        if self.pipe:
            self.pipe.put(DISPATCH, body, event=event, seq=len(self.events))


class Gateway:
    """All sessions of the bot. `identifies` counts IDENTIFYs, `resumes` successful RESUMEs."""

    def __init__(self, world: "FakeDiscord", heartbeat_ms: int = 41_250) -> None:
        self._world = world
        self._heartbeat_ms = heartbeat_ms
        self.sessions: list[Session] = []
        self.identifies = 0
        self.resumes = 0
        self.heartbeats = 0
        self._pipes: set[Pipe] = set()

    @property
    def live(self) -> list[Session]:
        return [session for session in self.sessions if session.online]

    def emit(self, event: str, intent: int, guild: Guild | None, body: Json | Callable[[Session], Json]) -> None:
        """Sends one event to every session that may have it; sessions that are away get it by RESUME."""
        for session in self.sessions:
            if (
                (session.online or session.resumable)
                and session.sees(guild)
                and (session.intents & intent or not intent)
            ):
                session.put(event, body(session) if callable(body) else body)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        pipe = Pipe(socket, request.query.get("compress"))
        self._pipes.add(pipe)
        pipe.put(HELLO, {"heartbeat_interval": self._heartbeat_ms, "_trace": ["fake"]})
        session: Session | None = None
        arrivals: list[float] = []
        try:
            while (frame := await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._police(frame.data, arrivals)
                session = await self._answer(pipe, session, json.loads(frame.data))
        finally:
            pipe.stop()
            self._pipes.discard(pipe)
            if session and session.pipe is pipe:
                session.pipe = None
                if frame.type is WSMsgType.CLOSE and frame.data in (1000, 1001):
                    session.resumable = False
            self._world.changed()
        return socket

    def _police(self, data: str | bytes, arrivals: list[float]) -> None:
        now = time.monotonic()
        arrivals[:] = [t for t in arrivals if t > now - 60] + [now]
        if len(arrivals) > 120:
            self._world.violation("gateway: more than 120 payloads in 60 s on one connection")
        if len(data) > 4096:
            self._world.violation(f"gateway: a payload of {len(data)} bytes, at most 4096")

    async def _answer(self, pipe: Pipe, session: Session | None, frame: Json) -> Session | None:
        body = frame.get("d")
        match frame["op"]:
            case 1:
                self.heartbeats += 1
                pipe.put(ACK)
            case 2:
                return await self._identify(pipe, body or {})
            case 6:
                return await self._resume(pipe, body or {})
            case 8 if session:
                self._members(session, body or {})
            case 3 | 4:
                pass
            case op:
                self._world.violation(f"gateway: unexpected opcode {op}")
                await pipe.socket.close(code=4001)
        self._world.changed()
        return session

    async def _refuse(self, pipe: Pipe, code: int, reason: str) -> None:
        await pipe.flush()
        await pipe.socket.close(code=code, message=reason.encode())
        self._world.refusals.append(f"gateway: {code} {reason}")

    async def _identify(self, pipe: Pipe, body: Json) -> Session | None:
        world = self._world
        if body.get("token") != world.token:
            await self._refuse(pipe, 4004, "Authentication failed.")
            return None
        intents = body.get("intents")
        if not isinstance(intents, int) or intents & ~KNOWN_INTENTS:
            await self._refuse(pipe, 4013, "Invalid intent(s).")
            return None
        if intents & ~world.allowed_intents & (GUILD_MEMBERS | PRESENCES | MESSAGE_CONTENT):
            await self._refuse(pipe, 4014, "Disallowed intent(s).")
            return None
        shard = tuple(body.get("shard") or (0, 1))
        if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
            await self._refuse(pipe, 4010, "Invalid shard.")
            return None
        self.identifies += 1
        session = Session(secrets.token_hex(16), intents, (shard[0], shard[1]), pipe)
        self.sessions.append(session)
        mine = [guild for guild in world.guilds.values() if guild.has_bot and session.sees(guild)]
        ready = {
            "v": 10,
            "user": payloads.user(world.bot) | {"verified": True, "mfa_enabled": False, "email": None},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in mine],
            "session_id": session.id,
            "resume_gateway_url": world.gateway_url,
            "shard": list(shard),
            "application": {"id": str(world.application_id), "flags": world.application_flags},
            "private_channels": [],
            "session_type": "normal",
        }
        session.put("READY", ready)
        for guild in mine:
            if intents & GUILDS:
                session.put("GUILD_CREATE", payloads.guild(guild, world.bot))
        await pipe.flush()
        world.changed()
        return session

    async def _resume(self, pipe: Pipe, body: Json) -> Session | None:
        sessions = [s for s in self.sessions if s.id == body.get("session_id") and s.resumable]
        if body.get("token") != self._world.token:
            await self._refuse(pipe, 4004, "Authentication failed.")
            return None
        if not sessions:
            pipe.put(INVALID, False)
            return None
        session = sessions[0]
        for number, (event, missed) in enumerate(session.events, start=1):
            if number > int(body.get("seq") or 0):
                pipe.put(DISPATCH, missed, event=event, seq=number)
        session.pipe = pipe
        session.put("RESUMED", {"_trace": ["fake"]})
        self.resumes += 1
        self._world.changed()
        return session

    def _members(self, session: Session, body: Json) -> None:
        guild = self._world.guilds[int(body["guild_id"])]
        asked = {int(user) for user in body.get("user_ids") or []} if body.get("user_ids") else None
        members = [m for m in guild.members.values() if asked is None or m.user.id in asked]
        chunk = {
            "guild_id": str(guild.id),
            "members": [payloads.member(m) for m in members],
            "chunk_index": 0,
            "chunk_count": 1,
            "presences": [],
        }
        if body.get("nonce"):
            chunk["nonce"] = body["nonce"]
        session.put("GUILD_MEMBERS_CHUNK", chunk)

    async def drop(self, code: int | None, *, resumable: bool) -> None:
        """Closes every socket. With None the connection breaks without a close frame, as a cut cable would."""
        for session in self.live:
            pipe, session.pipe = session.pipe, None
            assert pipe is not None
            session.resumable = resumable
            if code is None:
                pipe.stop()
                transport = pipe.socket._req.transport if pipe.socket._req else None
                if transport:
                    transport.abort()
            else:
                await pipe.flush()
                await pipe.socket.close(code=code)
        self._world.changed()

    async def ask_to_reconnect(self) -> None:
        for session in self.live:
            assert session.pipe is not None
            session.pipe.put(RECONNECT)
            await session.pipe.flush()

    async def close(self) -> None:
        for session in self.sessions:
            session.resumable = False
        for pipe in list(self._pipes):
            pipe.stop()
            await pipe.socket.close(code=1001)


def channel_guild(channel: Channel) -> Json:
    return {} if channel.guild is None else {"guild_id": str(channel.guild.id)}
