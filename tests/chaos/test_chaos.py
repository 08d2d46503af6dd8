"""Faults under load: nothing finished is lost, nothing is answered twice, all recovers alone, no canary appears."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.bot.conftest import fresh_database
from tests.chaos.load import CANARY, Load, is_whole, working, written
from tests.chaos.town import CALLER_TOKEN, PROVIDER_KEY, Town, town
from tests.fakes.discord.people import Person
from tests.fakes.upstream.server import TEXT
from tests.support.postgres import Cluster, binaries, restartable
from tests.support.redis import RedisServer, redis_server

DAY = 86_400.0
Fault = Callable[[Town, Load], Awaitable[None]]


async def service_killed(place: Town, load: Load) -> None:
    await place.service.kill()
    await load.progress()


async def bot_killed(place: Town, load: Load) -> None:
    await place.bot.kill()
    await load.progress(2, kinds=("discord",))


async def disk_full(place: Town, load: Load) -> None:
    for one in (place.bot, place.service):
        one.fill_disk()
    await load.progress()
    await load.progress(2, kinds=("discord",))
    for one in (place.bot, place.service):
        one.free_disk()
    await load.progress()


async def descriptors_gone(place: Town, load: Load) -> None:
    held = [(one, one.take_descriptors()) for one in (place.service, place.bot)]
    await load.progress()
    for one, limits in held:
        one.give_descriptors(limits)
    await load.progress()


async def clock_jumps(place: Town, load: Load) -> None:
    """The bot starts while it is a year later, and then it is not."""
    place.move_clock(400 * DAY)
    await place.bot.kill()
    await load.progress()
    place.move_clock(-2 * DAY)
    await load.progress()
    place.move_clock(0)


QUICK = (service_killed, disk_full, clock_jumps, descriptors_gone, bot_killed)


async def people_of(place: Town, count: int) -> list[Person]:
    """The first of them does not want to be stored."""
    channel = place.discord.add_text_channel(place.guild, "general")
    people = [place.discord.add_user(name) for name in ("Ada", "Ben", "Cy", "Di", "Ed")[:count]]
    for person in people:
        place.discord.join(place.guild, person)
    card = await (await people[0].slash(channel, "privacy")).answer()
    await (await people[0].click(card, "Do not store my messages")).acknowledged()
    return people


async def suffer(place: Town, faults: tuple[Fault, ...], people: list[Person]) -> Load:
    async with working(place, people) as load:
        await load.progress()
        for fault in faults:
            await fault(place, load)
    for person in people:  # as the callers did: the next question is answered, and nobody had to help
        for _ in range(5):
            if is_whole(await load.talk(person)):
                break
        else:
            load.broken.append(f"{person.name} gets no answer any more")
    return load


async def rows(place: Town) -> list[tuple[str, str, str]]:
    """State, answer and messages of every turn."""
    query = "SELECT state, answer, message_ids FROM turns"
    if place.database.startswith("sqlite"):
        with sqlite3.connect(place.folder / "bot.sqlite3") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return list(database.execute(query))
    door = await asyncpg.connect(place.database.replace("+asyncpg", ""))
    try:
        return [tuple(row) for row in await door.fetch(query)]
    finally:
        await door.close()


async def check(place: Town, load: Load, people: list[Person]) -> None:
    """After the end of all processes."""
    assert load.broken == []
    assert place.discord.violations == []
    turns = await rows(place)
    assert {state for state, _, _ in turns} <= {"done", "failed", "interrupted", "stopped", "missed"}
    for person in people:
        answers = [one for one in written(person.direct()) if is_whole(one)]
        assert 0 < len(answers) <= load.talks[person], "an answer for each question at most"
        for answer in answers:
            noted = [(state, text) for state, text, ids in turns if str(answer.id) in ids]
            assert len(noted) == 1, "what stands in Discord is known, and known once"
            assert noted[0][0] == "done"
            assert noted[0][1] in (("",) if person.name == "Ada" else ("", TEXT))
    secrets = (PROVIDER_KEY, CALLER_TOKEN, place.discord.token, CANARY)
    assert [line for line in place.said if any(one in line for one in secrets)] == []
    for file in (one for one in place.folder.rglob("*") if one.is_file()):
        assert not [one for one in secrets if one.encode() in file.read_bytes()], file.name


@pytest.mark.soak
async def test_a_town_comes_through_kills_a_full_disk_wrong_clocks_and_no_descriptors(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        people = await people_of(place, 2)
        load = await suffer(place, QUICK, people)
    await check(place, load, people)
    assert all(load.whole.get(kind, 0) > 0 for kind in ("grpc", "http", "discord"))
    assert load.failed, "the faults were felt"


# --- the long form ----------------------------------------------------------------------------------


@pytest.fixture
def postgres() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with restartable(programs) as made:
        yield made


@pytest.mark.soak
async def test_a_town_on_postgresql_and_redis_comes_through_three_rounds_of_everything(
    tmp_path: Path, postgres: Cluster
) -> None:
    async def postgres_restarts(_: Town, load: Load) -> None:
        await asyncio.to_thread(postgres.stop)
        await load.progress(2, kinds=("discord",))
        await asyncio.to_thread(postgres.start)
        await load.progress()

    async def redis_restarts(server: RedisServer, load: Load) -> None:
        await server.stop()
        await load.progress()
        await server.start()
        await load.progress()

    async with redis_server() as redis:
        faults = (*QUICK, postgres_restarts, lambda _, load: redis_restarts(redis, load))
        async with town(tmp_path, database=fresh_database(postgres.address), redis=redis.url) as place:
            people = await people_of(place, 5)
            load = await suffer(place, faults * 3, people)
    await check(place, load, people)


@pytest.mark.soak
def test_a_town_whose_network_loses_packets_comes_through(tmp_path: Path) -> None:
    """The short form in a network of its own."""
    if not all(map(shutil.which, ("unshare", "ip", "tc"))):
        pytest.skip("unshare, ip and tc are needed")
    lossy = "ip link set lo up && tc qdisc add dev lo root netem loss 2% delay 5ms"
    if subprocess.run(["unshare", "-rn", "sh", "-c", lossy], check=False, capture_output=True).returncode:
        pytest.skip("this kernel has no network namespaces for us, or no netem")
    inside = f"{lossy} && exec {sys.executable} -m pytest -q -n 0 --basetemp {tmp_path / 'inside'} {__file__}"
    done = subprocess.run(["unshare", "-rn", "sh", "-c", inside], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3_000:]


async def test_a_bot_whose_disk_cannot_be_written_says_so_in_one_line(tmp_path: Path) -> None:
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "discord_bot", cwd=tmp_path,
        env={"PATH": "", "DISCORD_TOKEN": "x", "ANTIPHON__BOT__DATABASE": "sqlite:////proc/self/bot.sqlite3"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, said = await done.communicate()
    assert done.returncode == 2
    assert len(said.splitlines()) == 1, said.decode()
    assert said.startswith(b"bot.database: /proc/self/bot.sqlite3: ")
