"""What happens to a pool, as one log in Redis that every process reads, so the rules live in `credentials/` alone.

An event is a line "restricts account moment credential body". A process appends its own event and gets those that it
has not seen, in one round trip. A call is appended only if no unseen event has restricted its credential's account;
otherwise the process looks again with what it has learned. Moments are those of the Redis server.
"""

import secrets
from typing import Any, NamedTuple

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from antiphon.config.model import State
from inference_service.state.pipe import Pipe
from inference_service.tasks import Supervisor

CONNECTIONS = 16
KEPT = 4_000  # events; a process that has missed more starts from a snapshot
EVERYBODY = "*"  # an event that concerns every account

# KEYS: log, count, epoch. ARGV: epoch, seen, flag, account, body, for a call "credential account" of each candidate
# and whether only the first of them is acceptable
STEP = """
local clock = redis.call('TIME')
local at = clock[1] .. '.' .. string.format('%06d', clock[2])
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'strange', at} end
local count, seen = tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[2])
if count - seen > redis.call('LLEN', KEYS[1]) then return {'behind', at} end
local unseen = {}
if count > seen then unseen = redis.call('LRANGE', KEYS[1], seen - count, -1) end
local function append(flag, account, credential)
  redis.call('RPUSH', KEYS[1], flag .. ' ' .. account .. ' ' .. at .. ' ' .. credential .. ' ' .. ARGV[5])
  redis.call('LTRIM', KEYS[1], -KEPT, -1)
  redis.call('INCR', KEYS[2])
  table.insert(unseen, redis.call('LINDEX', KEYS[1], -1))
end
if ARGV[3] ~= 'call' then
  if ARGV[5] ~= '' then append(ARGV[3], ARGV[4], '-') end
  return {'ok', at, unpack(unseen)}
end
local touched = {}
for _, line in ipairs(unseen) do
  local flag, account = string.match(line, '^(%d) (%S+)')
  if flag == '1' then touched[account] = true end
end
for credential, account in string.gmatch(ARGV[6], '(%S+) (%S+)') do
  local free = not touched['*'] and not touched[account]
  if ARGV[4] == '*' then free = next(touched) == nil end
  if free then
    append('1', ARGV[4] == '*' and '*' or account, credential)
    return {'call', at, unpack(unseen)}
  end
  if ARGV[7] == '1' then break end
end
return {'stale', at, unpack(unseen)}
""".replace("KEPT", str(KEPT))

# KEYS: log, count, epoch, snapshot. ARGV: a new epoch. Answer: epoch, whether it is new, count, snapshot, events
JOIN = """
local new = redis.call('SET', KEYS[3], ARGV[1], 'NX') and '1' or '0'
if new == '1' then redis.call('DEL', KEYS[1], KEYS[2], KEYS[4]) end
local count = redis.call('GET', KEYS[2]) or '0'
return {redis.call('GET', KEYS[3]), new, count, redis.call('GET', KEYS[4]) or '', unpack(redis.call('LRANGE', KEYS[1], 0, -1))}
"""


class Event(NamedTuple):
    number: int
    at: float
    credential: str
    body: str


class Joined(NamedTuple):
    new: bool  # no process was there before
    last: int  # number of the last event
    snapshot: str
    events: list[Event]


class Answer(NamedTuple):
    what: str  # ok, call, stale, behind, strange
    at: float
    events: list[Event]


class RedisLog:
    """Every method raises `redis.RedisError` or `TimeoutError` when Redis cannot answer in time."""

    def __init__(self, url: str, settings: State, supervisor: Supervisor) -> None:
        self._prefix = settings.prefix
        self._redis: Redis = Redis.from_pool(
            BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=settings.timeout,
                decode_responses=True,
                socket_timeout=settings.timeout,
                socket_connect_timeout=settings.timeout,
                retry=Retry(NoBackoff(), 0),  # memory is the fallback, and it does not keep anybody waiting
            )
        )
        self._pipe = Pipe(url, settings.timeout, supervisor)
        self._scripts: dict[str, str] = {}  # text → digest, for the current Redis
        self._epochs: dict[str, str] = {}  # of each pool's log

    def _keys(self, pool: str) -> list[str]:
        tag = f"{{{self._prefix}:{pool}}}"
        return [f"{tag}:log", f"{tag}:count", f"{tag}:epoch", f"{tag}:snapshot"]

    async def _run(self, text: str, keys: list[str], arguments: list[Any]) -> Any:
        """One round trip, except with a new Redis."""
        if text not in self._scripts:
            self._scripts[text] = await self._pipe.call("SCRIPT", "LOAD", text)
        try:
            return await self._pipe.call("EVALSHA", self._scripts[text], len(keys), *keys, *arguments)
        except NoScriptError:
            # It has restarted, perhaps empty, between two of our calls.
            self._scripts[text] = await self._pipe.call("SCRIPT", "LOAD", text)
            return await self._pipe.call("EVALSHA", self._scripts[text], len(keys), *keys, *arguments)

    async def join(self, pool: str) -> Joined:
        epoch, new, count, snapshot, *lines = await self._run(JOIN, self._keys(pool), [secrets.token_hex(8)])
        self._epochs[pool] = epoch
        return Joined(new == "1", int(count), snapshot, _events(lines, int(count)))

    async def save(self, pool: str, snapshot: str) -> None:
        await self._redis.set(self._keys(pool)[3], snapshot)

    async def append(self, pool: str, seen: int, body: str, *, account: str = "-", restricts: bool = False) -> Answer:
        """With an empty `body` it only reads."""
        arguments = [self._epochs.get(pool, ""), seen, int(restricts), _word(account), body]
        return _answer(await self._run(STEP, self._keys(pool)[:3], arguments), seen)

    async def call(
        self,
        pool: str,
        seen: int,
        body: str,
        candidates: list[tuple[str, str]],
        *,
        alone: bool = False,
        first: bool = False,
    ) -> Answer:
        """Takes the first candidate (credential, account) that no unseen event has restricted.

        alone: only if no unseen event has restricted any. first: the first candidate or none.
        """
        names = " ".join(f"{credential} {_word(account)}" for credential, account in candidates)
        arguments = [self._epochs.get(pool, ""), seen, "call", EVERYBODY if alone else "-", body, names, int(first)]
        return _answer(await self._run(STEP, self._keys(pool)[:3], arguments), seen)

    async def facts(self, topic: str) -> dict[str, str]:
        facts = await self._redis.hgetall(f"{self._prefix}:facts:{topic}")
        return {str(key): str(value) for key, value in facts.items()}

    async def keep(self, topic: str, key: str, value: str) -> None:
        await self._redis.hset(f"{self._prefix}:facts:{topic}", key, value)

    async def reconnect(self) -> None:
        """Drops every connection: the next command opens a new one."""
        await self._pipe.disconnect()
        await self._redis.connection_pool.disconnect()

    async def close(self) -> None:
        await self._pipe.disconnect()
        await self._redis.aclose(close_connection_pool=True)


def _word(account: str) -> str:
    """An account name may consist of several words."""
    return "_".join(account.split()) or "-"


def _answer(raw: list[str], seen: int) -> Answer:
    what, at, *lines = raw
    return Answer(what, float(at), _events(lines, seen + len(lines)))


def _events(lines: list[str], last: int) -> list[Event]:
    events = []
    for number, line in enumerate(lines, last - len(lines) + 1):
        _, _, at, credential, body = line.split(" ", 4)
        events.append(Event(number, float(at), credential, body))
    return events
