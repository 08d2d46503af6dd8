"""What the bot remembers about a person: off at first, seen, edited, used, exported and erased by that person alone."""

import json

from tests.e2e.conftest import Stage
from tests.e2e.test_catchup import newcomer


def instructions(stage: Stage) -> str:
    return str(stage.upstream.of("a")[-1].body["messages"][0]["content"])


async def test_memory_is_off_until_switched_on_and_belongs_to_its_person(stage: Stage) -> None:
    ben = await newcomer(stage, "Ben")
    direct = stage.maria.direct()
    async with stage.running_bot():
        card = await (await stage.maria.slash(stage.channel, "memory")).answer()
        assert card.ephemeral
        assert "Memory is **off**" in card.content
        assert "There are no notes" in card.content
        form = await (await stage.maria.click(card, "Edit notes…")).acknowledged()
        notes = "- I am a vegetarian\n\nI live in Berlin"
        await (await stage.maria.submit_modal(form, **{"One note per line": notes})).acknowledged()
        await stage.discord.wait_for(lambda: "- I live in Berlin" in card.content and "Saved." in card.content)
        await stage.maria.say(direct, "hello")
        await stage.finished(direct)
        assert "vegetarian" not in instructions(stage)

        await (await stage.maria.click(card, "Turn on")).acknowledged()
        await stage.discord.wait_for(lambda: "Memory is **on**" in card.content)
        await stage.maria.say(direct, "what can I eat?")
        await stage.finished(direct, 1)
        assert instructions(stage).endswith("- I am a vegetarian\n- I live in Berlin")
        other = ben.direct()
        await ben.say(other, "and me?")
        await stage.finished(other)
        assert "vegetarian" not in instructions(stage)
    async with stage.running_bot():
        card = await (await stage.maria.slash(stage.channel, "memory")).answer()
        assert "- I am a vegetarian" in card.content
        privacy = await (await stage.maria.slash(stage.channel, "privacy")).answer()
        exported = await (await stage.maria.click(privacy, "Export")).answer()
        body = json.loads(exported.attachments[0].content)
        assert [row["text"] for row in body["memories"]] == ["I am a vegetarian", "I live in Berlin"]
        await (await stage.maria.click(card, "Forget everything")).acknowledged()
        await stage.discord.wait_for(lambda: "I've erased 2 notes" in card.content)


async def test_a_person_who_is_not_stored_has_no_notes_and_long_notes_are_cut(stage: Stage) -> None:
    olga = await newcomer(stage, "Ольга", "ru")
    async with stage.running_bot():
        card = await (await olga.slash(stage.channel, "memory")).answer()
        form = await (await olga.click(card, "Изменить заметки…")).acknowledged()
        long = "\n".join(f"{number} канарейка " + "x" * 100 for number in range(30))
        await (await olga.submit_modal(form, **{"По одной заметке в строке": long})).acknowledged()
        await stage.discord.wait_for(lambda: "не больше 25 заметок" in card.content and "и ещё" in card.content)
        await (await olga.click(card, "Включить")).acknowledged()
        privacy = await (await olga.slash(stage.channel, "privacy")).answer()
        await (await olga.click(privacy, "privacy:1:off")).acknowledged()
        await olga.say(olga.direct(), "привет")
        await stage.finished(olga.direct())
        assert "канарейка" not in instructions(stage)
        refused = await (await olga.click(card, "Изменить заметки…")).answer()
        assert "заметок я не веду" in refused.content
        await (
            await olga.click(privacy, "privacy:1:sure" if "privacy:1:sure" in privacy.buttons else "privacy:1:erase")
        ).acknowledged()
