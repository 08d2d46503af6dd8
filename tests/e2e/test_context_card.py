"""What a question points at reaches the model with its author, and one small line says what was read."""

from tests.e2e.conftest import Stage
from tests.fakes.discord.model import File
from tests.fakes.discord.people import Person
from tests.fakes.upstream.replies import png
from tests.fakes.upstream.server import TEXT


def asked(stage: Stage, number: int = -1) -> str:
    """What the provider was asked last, as text."""
    content = stage.upstream.of("a")[number].body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", f"[{part['type']}]") for part in content)


async def answered(stage: Stage, count: int) -> None:
    await stage.discord.wait_for(lambda: sum(TEXT in message.content for message in stage.written) >= count)


async def newcomer(stage: Stage, name: str) -> Person:
    person = stage.discord.add_user(name)
    stage.discord.join(stage.guild, person)
    return person


async def test_every_kind_of_message_that_a_question_points_at_is_read(stage: Stage) -> None:
    ben = await newcomer(stage, "Ben")
    me, channel = f"<@{stage.discord.bot.id}>", stage.channel
    stage.channel.overwrites[stage.guild.id] = (0, 1 << 35)  # no threads: all of it stands in one channel
    async with stage.running_bot():
        embed = {"title": "Release 2.0", "description": "Faster foxes", "fields": [{"name": "Size", "value": "small"}]}
        news = await ben.say(channel, "Look:", embeds=[embed], files=[File("fox.png", png(), "image/png")])
        await stage.maria.say(channel, f"{me} what is this?", reply_to=news)
        await answered(stage, 1)
        text = asked(stage)
        for words in ("Ben wrote:", "Release 2.0", "Faster foxes", "Size: small", "image_url", "what is this?"):
            assert words in text
        assert any("Read: Ben's message, a picture" in message.content for message in stage.written)

        forward = await stage.maria.say(channel, forwarded=news)
        await stage.maria.say(channel, f"{me} and this?", reply_to=forward)
        await answered(stage, 2)
        assert "Faster foxes" in asked(stage)

        poll = {"question": {"text": "Which fox?"}, "answers": [{"answer_id": 1, "poll_media": {"text": "red"}}]}
        poll |= {"expiry": "2030-01-01T00:00:00+00:00", "allow_multiselect": False, "layout_type": 1}
        voted = await ben.say(channel, poll=poll, stickers=["Waving fox"])
        link = f"https://discord.com/channels/{stage.guild.id}/{channel.id}/{voted.id}"
        await stage.maria.say(channel, f"{me} sum up {link}")
        await answered(stage, 3)
        assert "[poll: Which fox? – red]" in asked(stage)
        assert "[sticker: Waving fox]" in asked(stage)


async def test_names_stand_for_ids_and_the_role_of_the_bot_is_a_mention_of_it(stage: Stage) -> None:
    ben = await newcomer(stage, "Ben")
    role = next(one for one in stage.guild.roles if one.managed)
    async with stage.running_bot():
        text = f"<@&{role.id}> does <@{ben.id}> know <#{stage.channel.id}> <:fox:123> </chat:5>?"
        await stage.maria.say(stage.channel, text)
        await answered(stage, 1)
        assert asked(stage, 0) == "does @Ben know #general :fox: /chat?"


async def test_a_link_to_a_channel_that_the_asker_may_not_read_is_not_followed(stage: Stage) -> None:
    secret = stage.discord.add_text_channel(stage.guild, "secret", overwrites={stage.maria.id: (0, 1 << 10)})
    async with stage.running_bot():
        hidden = await stage.guild.owner.say(secret, "the treasure is in the cave")  # type: ignore[attr-defined]
        link = f"https://discord.com/channels/{stage.guild.id}/{secret.id}/{hidden.id}"
        await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> what does {link} say?")
        await answered(stage, 1)
        assert all("treasure" not in str(call.body) for call in stage.upstream.calls)
        assert any("can't read one of the linked messages" in message.content for message in stage.written)


async def test_the_prompt_names_authors_and_each_choice_applies_to_the_own_words(stage: Stage) -> None:
    ada, ben = await newcomer(stage, "Ada"), await newcomer(stage, "Ben")
    async with stage.running_bot():
        card = await (await ada.slash(stage.channel, "privacy")).answer()
        await (await ada.click(card, "Do not store my messages")).acknowledged()
        stage.upstream.behaviour["voice"] = "held"
        await stage.maria.slash(stage.channel, "chat", prompt="first")
        thread = await stage.thread()
        await stage.upstream.arrived.wait()
        await ada.say(thread, "ada says canary")
        await ben.say(thread, "ben says hello")
        stage.upstream.behaviour["voice"] = "ok"
        stage.upstream.hold.set()
        await stage.finished(thread, 1)
        prompts = [one["content"] for call in stage.upstream.of("a") for one in call.body["messages"]]
        assert any("Ada: ada says canary" in one for one in prompts), prompts
        assert any("Ben: ben says hello" in one for one in prompts), prompts
    files = [one for one in stage.folder.iterdir() if one.name.startswith("bot.sqlite3")]
    assert any(b"ben says hello" in one.read_bytes() for one in files)
    assert not [one.name for one in files if b"canary" in one.read_bytes()]
