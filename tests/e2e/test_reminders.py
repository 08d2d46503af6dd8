"""Reminders: set by command or in a talk, kept over a restart, delivered once, by direct message."""

import time

from discord_bot.store.database import open_store
from tests.e2e.conftest import Stage
from tests.e2e.test_catchup import newcomer
from tests.e2e.test_tools import asking, results


async def test_reminders_are_set_listed_deleted_and_delivered_once_after_a_restart(stage: Stage) -> None:
    olga = await newcomer(stage, "Ольга", "ru")
    closed = await newcomer(stage, "Closed")
    closed.accepts_dms = False
    async with stage.running_bot():
        refused = {
            "whenever": "Не понимаю «whenever»",
            "завтра 9:00": "не знаю ваш часовой пояс",
            "1.1.2001 8:00": "часовой пояс",
            "999 недель": "не дальше чем через год",
        }
        for when, words in refused.items():
            interaction = await olga.slash(stage.channel, "remind", when=when, what="позвонить")
            assert words in (await interaction.answer()).content
        options = {"when": "завтра 9:00", "what": "позвонить **маме**", "time-zone": "europe/moscow"}
        kept = await (await olga.slash(stage.channel, "remind", **options)).answer()  # type: ignore[arg-type]
        assert kept.ephemeral
        assert "Напомню <t:" in kept.content
        again = await olga.slash(stage.channel, "remind", when="9:30", what="второе")
        assert "Напомню <t:" in (await again.answer()).content, "the zone is remembered"
        shown = await (await olga.slash(stage.channel, "reminders")).answer()
        assert "позвонить" in shown.content
        values = [one["value"] for one in next(shown.walk())["components"][0]["options"]]
        await (await olga.choose(shown, "reminders:1:delete", [values[-1]])).acknowledged()
        await stage.discord.wait_for(lambda: sum(line.startswith("- ") for line in shown.content.splitlines()) == 1)
        soon = await olga.slash(stage.channel, "remind", when="1 second", what="сейчас")
        await soon.answer()
        message = await stage.discord.wait_for(lambda: olga.direct().from_bot)
        assert message[0].content.startswith("Напоминание: сейчас")

    store = await open_store(f"sqlite:///{stage.folder}/bot.sqlite3")
    for person in (stage.maria, closed):
        yes = await store.wishes.keeping([person.id])
        await store.reminders.add(
            person.id, stage.guild.id, stage.channel.id, "the kettle", "en", time.time() - 4_000, yes
        )
    await store.close()
    async with stage.running_bot():
        told = await stage.discord.wait_for(lambda: stage.maria.direct().from_bot)
        assert "Reminder: the kettle" in told[0].content
        assert "This was due <t:" in told[0].content
        assert stage.channel.mention in told[0].content
        await stage.discord.wait_for(
            lambda: [one for one in stage.channel.from_bot if f"{closed.mention} Reminder: the kettle" in one.content]
        )
    async with stage.running_bot():
        none = await (await stage.maria.slash(stage.channel, "reminders")).answer()
        assert "You have no reminders" in none.content
        assert len(stage.maria.direct().from_bot) == 1


async def test_a_reminder_from_a_talk_is_allowed_first_and_a_time_without_a_zone_is_not_guessed(stage: Stage) -> None:
    async with stage.running_bot():
        stage.upstream.tool_calls = [
            [("set_reminder", {"text": "the kettle", "at": "2026-12-24T18:00"})],
            [("set_reminder", {"text": "the kettle", "minutes_from_now": 60})],
        ]
        await stage.maria.slash(stage.channel, "chat", prompt="Remind me of the kettle in an hour")
        thread = await stage.thread()
        card = await asking(stage, thread, "May I remind you <t:")
        assert "no offset from UTC" in results(stage)[0]
        await (await stage.maria.click(card, "Allow")).acknowledged()
        await stage.discord.wait_for(lambda: "-# Reminder set: the kettle" in card.content)
        await stage.finished(thread)
        shown = await (await stage.maria.slash(stage.channel, "reminders")).answer()
        assert "the kettle" in shown.content
