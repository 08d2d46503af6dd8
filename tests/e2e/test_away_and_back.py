"""What happens around an answer: questions asked while the bot is away, branches, double clicks, privacy, no threads."""

import io

from PIL import Image

from tests.e2e.conftest import Stage
from tests.e2e.test_conversation import body
from tests.fakes.discord.model import File
from tests.fakes.upstream.server import TEXT, png


def asked(stage: Stage, number: int = -1) -> list[tuple[str, str]]:
    """What the provider was sent: role and text of each message, without the instructions."""
    messages = [call.body["messages"] for call in stage.upstream.of("a") if "title" not in str(call.body["messages"])]
    return [(one["role"], one["content"]) for one in messages[number] if one["role"] != "system"]


async def test_a_question_asked_while_the_bot_was_away_is_answered_when_it_is_back(stage: Stage) -> None:
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="first")
        thread = await stage.thread()
        await stage.finished(thread)
        direct = stage.maria.direct()
        await stage.maria.say(direct, "hello")
        await stage.finished(direct)
    await stage.maria.say(thread, "are you there?")
    await stage.maria.say(thread, "hello?")
    await stage.maria.say(direct, "and here?")
    async with stage.running_bot():
        assert body((await stage.finished(thread, 1)).content) == TEXT
        assert body((await stage.finished(direct, 1)).content) == TEXT
        assert ("user", "are you there?\n\nhello?") in [one for n in (-1, -2) for one in asked(stage, n)]
    # A third start finds nothing that was not answered.
    count = len(stage.upstream.calls)
    async with stage.running_bot():
        await stage.maria.say(thread, "and now")
        await stage.finished(thread, 2)
        assert len(stage.upstream.calls) == count + 1


async def test_an_old_question_that_was_missed_is_offered_an_answer_and_gets_it_on_a_click(stage: Stage) -> None:
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="first")
        thread = await stage.thread()
        await stage.finished(thread)
    await stage.maria.say(thread, "anybody home?")
    stage.more["ANTIPHON__BOT__MISSED_TIMEOUT"] = "0"
    async with stage.running_bot():
        offer = await stage.finished(thread, 1, ("Answer now",))
        assert "I was offline" in offer.content
        await stage.maria.click(offer, "Answer now")
        answer = await stage.finished(thread, 1)
        assert body(answer.content) == TEXT
        assert asked(stage)[-1] == ("user", "anybody home?")


async def test_a_reply_to_an_earlier_answer_continues_from_there(stage: Stage) -> None:
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="root")
        thread = await stage.thread()
        first = await stage.finished(thread)
        await stage.maria.say(thread, "one way")
        await stage.finished(thread, 1)
        await stage.maria.say(thread, "another way", reply_to=first)
        await stage.finished(thread, 2)
        assert asked(stage) == [("user", "root"), ("assistant", TEXT), ("user", "another way")]


async def test_waiting_messages_can_be_edited_and_deleted(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "held"
    async with stage.running_bot():
        direct = stage.maria.direct()
        await stage.maria.say(direct, "one")
        await stage.upstream.arrived.wait()
        two = await stage.maria.say(direct, "tow")
        three = await stage.maria.say(direct, "never mind")
        # A mark on both says that the bot knows that they wait.
        await stage.discord.wait_for(lambda: two.reactions and three.reactions)
        await stage.maria.edit(two, "two")
        await stage.maria.delete(three)
        stage.upstream.behaviour["voice"] = "ok"
        stage.upstream.hold.set()
        await stage.finished(direct, 1)
        assert asked(stage)[-1] == ("user", "two")


async def test_two_clicks_on_one_button_give_one_answer(stage: Stage) -> None:
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="tell me")
        thread = await stage.thread()
        answer = await stage.finished(thread)
        stage.upstream.behaviour["voice"] = "held"
        stage.upstream.arrived.clear()
        first = await stage.maria.click(answer, "Regenerate")
        second = await stage.maria.click(answer, "turn:1:regenerate:1")
        # Whichever of the two comes first draws the answer, and the other one is told so.
        refused = await stage.discord.wait_for(
            lambda: [
                message
                for click in (first, second)
                for message in click.followed
                if "already working" in message.content
            ]
        )
        assert [(message.content, message.ephemeral) for message in refused] == [("I'm already working on that.", True)]
        stage.upstream.hold.set()
        stage.upstream.behaviour["voice"] = "ok"
        await stage.finished(thread, 1)
        assert len(thread.from_bot) == 2


async def test_people_who_opt_out_leave_nothing_and_their_conversation_still_continues(
    stage: Stage,
) -> None:
    async with stage.running_bot():
        card = await (await stage.maria.slash(stage.channel, "privacy")).answer()
        await (await stage.maria.click(card, "Do not store my messages")).answer()
        await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> my secret plan")
        thread = await stage.thread()
        answer = await stage.finished(thread)
        await stage.maria.say(thread, "and then?")
        await stage.finished(thread, 1)
        assert asked(stage) == [("user", "my secret plan"), ("assistant", TEXT), ("user", "and then?")]
        again = await (await stage.maria.slash(stage.channel, "privacy")).answer()
        exported = await (await stage.maria.click(again, "Export")).answer()
        assert b"secret" not in exported.attachments[0].content
        await stage.maria.click(answer, "Regenerate")
        await stage.finished(thread, 2)
        assert asked(stage) == [("user", "my secret plan")]
    assert b"secret plan" not in (stage.folder / "bot.sqlite3").read_bytes()


async def test_a_first_time_asker_learns_once_and_privately_where_questions_go(stage: Stage) -> None:
    async with stage.running_bot():
        for number in range(2):
            await stage.maria.slash(stage.channel, "chat", prompt=f"question {number}")
            await stage.finished(await stage.thread(number + 1))
        messages = [message for message in stage.channel.shown_to(stage.maria) if "/privacy" in message.content]
        assert len(messages) == 1
        assert messages[0].ephemeral_to is stage.maria


async def test_the_command_continues_an_existing_conversation(stage: Stage) -> None:
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="root")
        thread = await stage.thread()
        await stage.finished(thread)
        await stage.maria.slash(thread, "chat", prompt="and more")
        await stage.discord.wait_for(lambda: sum(body(message.content) == TEXT for message in thread.from_bot) == 2)
        assert len(stage.guild.threads) == 1
        assert asked(stage) == [("user", "root"), ("assistant", TEXT), ("user", "and more")]

        direct = stage.maria.direct()
        await stage.maria.slash(direct, "chat", prompt="psst")
        await stage.finished(direct)
        await stage.maria.say(direct, "and?")
        await stage.discord.wait_for(lambda: sum(body(message.content) == TEXT for message in direct.from_bot) == 2)
        assert asked(stage) == [("user", "psst"), ("assistant", TEXT), ("user", "and?")]


async def test_a_private_answer_can_be_asked_for_again_and_shared_once(stage: Stage) -> None:
    async with stage.running_bot():
        private = await stage.maria.slash(stage.channel, "chat", prompt="only me", private=True)
        answer = await stage.discord.wait_for(
            lambda: private.response and "Share here" in private.response.buttons and private.response
        )
        assert answer.ephemeral
        again = await stage.maria.click(answer, "Regenerate")
        second = await stage.discord.wait_for(
            lambda: again.response and "Share here" in again.response.buttons and again.response
        )
        assert second.ephemeral
        assert body(second.content) == TEXT
        await stage.maria.click(second, "Share here")
        await stage.discord.wait_for(
            lambda: any("Shared by Maria" in message.content for message in stage.channel.from_bot)
        )
        assert "Share here" not in second.buttons


async def test_with_threads_switched_off_answers_stand_in_the_channel_and_a_reply_continues(stage: Stage) -> None:
    async with stage.running_bot():
        owner = stage.guild.owner
        card = await (await owner.slash(stage.channel, "settings")).answer()  # type: ignore[attr-defined]
        await (await owner.click(card, "Answers")).acknowledged()  # type: ignore[attr-defined]
        await (await owner.click(card, "Answer in threads: on")).acknowledged()  # type: ignore[attr-defined]
        await stage.discord.wait_for(lambda: "Answer in threads: off" in card.buttons)
        assert "Saved." in card.text
        await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> hi")
        answer = await stage.finished(stage.channel)
        await stage.maria.say(stage.channel, "go on", reply_to=answer)
        await stage.discord.wait_for(
            lambda: sum(body(message.content) == TEXT for message in stage.channel.from_bot) == 2
        )
        assert asked(stage) == [("user", "hi"), ("assistant", TEXT), ("user", "go on")]
        assert not stage.guild.threads


async def test_managers_see_what_is_missing_where(stage: Stage) -> None:
    stage.channel.overwrites[stage.guild.id] = (0, 1 << 15)  # attach files
    async with stage.running_bot():
        owner = stage.guild.owner
        card = await (await owner.slash(stage.channel, "settings")).answer()  # type: ignore[attr-defined]
        reply = await (await owner.click(card, "Check permissions")).answer()  # type: ignore[attr-defined]
        assert f"Pictures and files: missing in <#{stage.channel.id}>" in reply.content
        assert "Threads: yes" in reply.content
        await (await owner.click(card, "Answers")).acknowledged()  # type: ignore[attr-defined]
        await (await owner.choose(card, "settings:2:answers:model", ["vision"])).acknowledged()  # type: ignore[attr-defined]
        await stage.discord.wait_for(lambda: "Default model: vision" in card.text)
        await (await owner.click(card, "Limits")).acknowledged()  # type: ignore[attr-defined]
        form = await (await owner.click(card, "Limits per member…")).acknowledged()  # type: ignore[attr-defined]
        refused = await (await owner.submit_modal(form, user_requests_per_day="many")).answer()  # type: ignore[attr-defined]
        assert "not a whole number" in refused.content


async def test_without_the_content_intent_a_thread_goes_on_through_a_form(stage: Stage) -> None:
    stage.discord.allowed_intents &= ~(1 << 15)
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="root")
        thread = await stage.thread()
        answer = await stage.finished(thread)
        form = await (await stage.maria.click(answer, "Reply…")).acknowledged()
        await stage.maria.submit_modal(form, **{"Your message": "through the form"})
        await stage.discord.wait_for(lambda: sum(body(message.content) == TEXT for message in thread.from_bot) == 2)
        assert asked(stage)[-1] == ("user", "through the form")


async def test_a_channel_that_accepts_no_answer_is_reported_to_the_asker_alone(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "held"
    async with stage.running_bot():
        question = await stage.maria.slash(stage.channel, "chat", prompt="tell me")
        thread = await stage.thread()
        await stage.upstream.arrived.wait()
        await stage.discord.wait_for(lambda: thread.from_bot)
        stage.discord.fail_next("PATCH", rf"/channels/{thread.id}/messages/", 403, 9)
        stage.upstream.behaviour["voice"] = "ok"
        stage.upstream.hold.set()
        await stage.discord.wait_for(
            lambda: any(
                "I couldn't post the answer" in message.content for message in stage.channel.shown_to(stage.maria)
            )
        )
        assert question.response is not None


async def test_drawing_again_starts_from_the_same_picture(stage: Stage) -> None:
    async with stage.running_bot():
        start = File("start.png", png((128, 128)), "image/png")
        order = await stage.maria.slash(stage.channel, "image", prompt="a fox", image=start)
        done = await stage.discord.wait_for(
            lambda: order.response and "Use as input" in order.response.buttons and order.response
        )
        drawn = [done]
        for button in ("Again", "New seed", "Use as input"):
            again = await stage.maria.click(done, button)
            drawn.append(
                await stage.discord.wait_for(
                    lambda again=again: again.response and "Delete" in again.response.buttons and again.response  # type: ignore[misc]
                )
            )
        for one in drawn:
            with Image.open(io.BytesIO(one.attachments[0].content)) as picture:
                assert picture.convert("RGB").getpixel((2, 2)) == (40, 90, 160)

        notes = File("notes.txt", b"not a picture", "text/plain")
        refused = await stage.maria.slash(stage.channel, "image", prompt="a fox", image=notes)
        message = await stage.discord.wait_for(
            lambda: refused.response and not refused.response.loading and refused.response
        )
        assert "I can't read notes.txt" in message.content
