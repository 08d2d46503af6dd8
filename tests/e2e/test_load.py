"""Many conversations at once in a few channels: no 429, no lost last edit, and memory that does not grow."""

import asyncio
import itertools
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.conftest import Stage
from tests.e2e.test_conversation import body
from tests.fakes.discord.model import Channel
from tests.fakes.discord.people import Person
from tests.fakes.discord.permissions import Permission
from tests.fakes.upstream.server import TEXT

CHANNELS, PEOPLE = 10, 5
MANY_CHANNELS, MANY_PEOPLE = 20, 10
NO_THREADS = int(Permission.CREATE_PUBLIC_THREADS | Permission.SEND_MESSAGES_IN_THREADS)
MINUTES = 10
GROWTH = 1.3  # of the memory after the first rounds; caches fill, nothing else may


@dataclass
class Seats:
    """Who writes where."""

    stage: Stage
    channels: int = CHANNELS
    people: int = PEOPLE
    pairs: list[tuple[Person, Channel]] = field(default_factory=list)
    asked_at: dict[int, float] = field(default_factory=dict)
    """By the id of a question: when it was written, by Discord's clock."""

    def fill(self, *, threads: bool = False) -> None:
        for number in range(self.channels):
            channel = self.stage.discord.add_text_channel(self.stage.guild, f"room-{number}")
            if not threads:
                channel.overwrites[self.stage.guild.id] = (0, NO_THREADS)
            for seat in range(self.people):
                person = self.stage.discord.add_user(f"P{number}-{seat}")
                self.stage.discord.join(self.stage.guild, person)
                self.pairs.append((person, channel))

    async def ask(self, person: Person, channel: Channel, words: str) -> None:
        question = await person.say(channel, f"<@{self.stage.discord.bot.id}> {words}")
        self.asked_at[question.id] = question.history[0].t

    async def ask_all(self, round_: int) -> None:
        """All ask at once; returns when every answer stands, whole."""
        for person, channel in self.pairs:
            await self.ask(person, channel, f"question {round_}")

        def standing() -> int:
            return sum(
                "Regenerate" in message.buttons
                for channel in {c for _, c in self.pairs}
                for message in channel.from_bot
            )

        await self.stage.discord.wait_for(lambda: standing() == len(self.pairs) * (round_ + 1), timeout=900)
        for channel in {channel for _, channel in self.pairs}:
            # An answer that took long ends with a small message of its own, because edits notify nobody.
            answers = [body(message.content) for message in channel.from_bot if message.content != "Done ↑"]
            assert set(answers) == {self.stage.upstream.text}


def memory(pid: int) -> int:
    """Resident bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024


def cpu(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def test_fifty_conversations_in_ten_channels_stream_at_once_without_a_429_or_a_lost_edit(stage: Stage) -> None:
    seats = Seats(stage)
    seats.fill()
    stage.upstream.text, stage.upstream.pause = TEXT * 3, 0.05
    async with stage.running_bot():
        await seats.ask_all(0)


def smoothness(stage: Stage, asked_at: dict[int, float]) -> str:
    """Of all answers in threads: when their first words stood, and for how long one stood still while it grew."""
    firsts: list[float] = []
    still: list[float] = []
    for thread in stage.guild.threads:
        answer = next(one for one in thread.from_bot if "Regenerate" in one.buttons)
        worded = [one for one in answer.history if one.content and not one.content.startswith("-# ")]
        firsts.append(worded[0].t - asked_at[thread.id])
        still += [later.t - earlier.t for earlier, later in itertools.pairwise(worded)]
    return (
        f"{len(firsts)} answers: first words after {statistics.median(firsts):.2f} s (median), "
        f"{max(firsts):.2f} s (last); longest stillness {max(still):.2f} s"
    )


@pytest.mark.soak
async def test_fifty_conversations_opened_in_two_seconds_begin_soon_and_keep_moving(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    seats = Seats(stage)
    seats.fill(threads=True)
    stage.upstream.text, stage.upstream.pause = TEXT * 6, 0.05
    async with stage.running_bot():
        for person, channel in seats.pairs:
            await seats.ask(person, channel, "question")
            await asyncio.sleep(2 / len(seats.pairs))
        await stage.discord.wait_for(
            lambda: sum("Regenerate" in message.buttons for message in stage.written) == len(seats.pairs), timeout=240
        )
    with capsys.disabled():
        print("\n" + smoothness(stage, seats.asked_at))


@pytest.mark.soak
async def test_memory_stays_flat_over_ten_minutes_of_two_hundred_conversations(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    seats = Seats(stage, MANY_CHANNELS, MANY_PEOPLE)
    seats.fill()
    stage.upstream.text, stage.upstream.pause = TEXT * 4, 0.05
    # The questions of one person come faster than a person's.
    stage.more |= {
        "ANTIPHON__BOT__QUOTAS__USER_REQUESTS_PER_HOUR": "0",
        "ANTIPHON__BOT__QUOTAS__USER_REQUESTS_PER_DAY": "0",
    }
    async with stage.running_bot() as bot:
        until, round_, sizes = time.monotonic() + MINUTES * 60, 0, []
        began, used = time.monotonic(), cpu(bot.pid)
        while time.monotonic() < until:
            await seats.ask_all(round_)
            sizes.append(memory(bot.pid))
            round_ += 1
            await asyncio.sleep(0)
        share = (cpu(bot.pid) - used) / (time.monotonic() - began)
        with capsys.disabled():
            print(f"\n{round_ * len(seats.pairs)} answers; the bot used {share:.0%} of a core;", end=" ")
            print("MB after each round:", *(size // 2**20 for size in sizes))
        settled = max(sizes[: max(2, len(sizes) // 4)])
        assert sizes[-1] < settled * GROWTH
