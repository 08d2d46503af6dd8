"""Words of a person who is not stored are in no table, no file and no log, whatever feature, end or crash they pass."""

import asyncio

from tests.e2e.conftest import REGENERATE, Stage
from tests.fakes.discord.model import File, Message
from tests.fakes.discord.people import Person
from tests.fakes.upstream.server import TEXT, png

CANARY = "zaunkönig"


async def private_person(stage: Stage, name: str = "Ada") -> Person:
    person = stage.discord.add_user(name)
    stage.discord.join(stage.guild, person)
    card = await (await person.slash(stage.channel, "privacy")).answer()
    await (await person.click(card, "Do not store my messages")).acknowledged()
    return person


def found(stage: Stage, word: str) -> list[str]:
    """Files of the bot that hold the word."""
    return [path.name for path in stage.folder.iterdir() if path.is_file() and word.encode() in path.read_bytes()]


async def finished_in(stage: Stage, messages: list[Message], count: int) -> None:
    await stage.discord.wait_for(
        lambda: sum(any(one in message.buttons for one in REGENERATE) for message in messages) >= count
    )


async def test_no_feature_keeps_words_of_a_person_who_is_not_stored(stage: Stage) -> None:
    stage.upstream.text = f"You said {CANARY}. {TEXT}"
    me = f"<@{stage.discord.bot.id}>"
    async with stage.running_bot() as bot:
        ada = await private_person(stage)
        direct = ada.direct()
        question = await ada.say(direct, f"{CANARY} in private", files=[File(f"{CANARY}.png", png(), "image/png")])
        await stage.finished(direct)
        await ada.edit(question, f"{CANARY} changed")
        await stage.discord.wait_for(lambda: f"{CANARY} changed" in str(stage.upstream.of("a")[-1].body))
        await stage.finished(direct)

        await ada.slash(stage.channel, "chat", prompt=f"{CANARY} in a thread")
        thread = await stage.thread()
        first = await stage.finished(thread)
        await ada.click(first, "Regenerate")
        await stage.finished(thread, 1)
        await stage.maria.say(thread, f"{me} what did she mean?", reply_to=await ada.say(stage.channel, CANARY))
        await stage.finished(thread, 2)
        assert CANARY in str(stage.upstream.of("a")[-1].body), "the model still knows what was said"

        refused = await (await ada.slash(stage.channel, "persona", text=f"{CANARY} persona", scope="me")).answer()
        assert "not to store" in refused.content
        menu = await stage.maria.message_menu(await ada.say(stage.channel, f"{CANARY} again"), "Explain")
        await stage.discord.wait_for(lambda: menu.response and "Share here" in menu.response.buttons)

        order = await ada.slash(stage.channel, "image", prompt=f"a {CANARY}", negative=f"no {CANARY}", size="128x128")
        drawn: Message = await stage.discord.wait_for(
            lambda: order.response and "Delete" in order.response.buttons and order.response
        )
        again = await stage.maria.click(drawn, "Again")
        await stage.discord.wait_for(lambda: again.response and "Delete" in again.response.buttons)
        assert again.response is not None
        assert again.response.attachments[0].description == f"a {CANARY}", "the words stand in Discord"
        theirs = await stage.maria.message_menu(await ada.say(stage.channel, f"a {CANARY}"), "Draw this")
        await stage.discord.wait_for(lambda: theirs.response and "Delete" in theirs.response.buttons)
        assert found(stage, CANARY) == []
        assert CANARY not in "".join((*bot.lines, *bot.errors))
    assert found(stage, CANARY) == []


async def test_a_crash_leaves_no_words_of_a_person_who_is_not_stored(stage: Stage) -> None:
    async with stage.running_bot() as bot:
        ada = await private_person(stage)
        stage.upstream.behaviour["voice"] = "stall:60"
        direct = ada.direct()
        await ada.say(direct, f"{CANARY} before the crash", files=[File("a.png", png(), "image/png")])
        await stage.discord.wait_for(lambda: direct.from_bot and len(direct.from_bot[-1].content) > 40)
        await bot.kill()
    assert found(stage, CANARY) == []
    await ada.say(direct, f"{CANARY} while the bot was away")
    stage.upstream.behaviour["voice"] = "ok"
    stage.upstream.hold.set()
    async with stage.running_bot():
        await stage.discord.wait_for(lambda: any(TEXT in message.content for message in direct.from_bot))
        assert found(stage, CANARY) == []
    assert found(stage, CANARY) == []


async def test_an_erasure_reaches_what_still_runs(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "held"
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt=f"{CANARY} question")
        thread = await stage.thread()
        await stage.upstream.arrived.wait()
        assert found(stage, CANARY), "so far it is stored"
        card = await (await stage.maria.slash(stage.channel, "privacy")).answer()
        sure = await (await stage.maria.click(card, "Erase everything")).answer()
        await (await stage.maria.click(sure, "Yes, erase everything")).acknowledged()
        stage.upstream.behaviour["voice"] = "ok"
        stage.upstream.hold.set()
        await stage.finished(thread)
        await asyncio.sleep(0)
    assert found(stage, CANARY) == []
