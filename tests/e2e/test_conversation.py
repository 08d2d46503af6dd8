"""Conversations in Discord, from the first keystroke to the last edit."""

from tests.e2e.conftest import REGENERATE, Stage, environment
from tests.fakes.discord.model import File
from tests.fakes.discord.permissions import DEFAULT, Permission
from tests.fakes.upstream.server import TEXT, png
from tests.support.processes import running


def body(content: str) -> str:
    """A message without its small last lines."""
    return "\n".join(line for line in content.split("\n") if not line.startswith("-# ")).rstrip()


async def test_a_question_becomes_a_thread_with_the_answer_character_for_character(stage: Stage) -> None:
    async with stage.running_bot():
        interaction = await stage.maria.slash(stage.channel, "chat", prompt="How do **glaciers** move? @everyone")
        await interaction.acknowledged()
        assert interaction.response is not None
        assert interaction.response.content.startswith("**Maria:** How do")
        thread = await stage.thread()
        assert thread.names[0][1] == "How do glaciers move? @everyone"
        answer = await stage.finished(thread)
        assert body(answer.content) == TEXT
        assert "-# a/voice · " in answer.content
        assert all(not one.pinged for one in thread.from_bot)

        await stage.maria.say(thread, "And why?")
        second = await stage.finished(thread, 1)
        assert body(second.content) == TEXT
        sent = (
            stage.upstream.of("a")[-1].body["messages"]
            if len(stage.upstream.of("a")) < 3
            else stage.upstream.of("a")[1].body["messages"]
        )
        conversation = next(call.body["messages"] for call in stage.upstream.of("a") if len(call.body["messages"]) > 3)
        assert [(one["role"], one["content"]) for one in conversation[1:]] == [
            ("user", "How do **glaciers** move? @everyone"),
            ("assistant", TEXT),
            ("user", "And why?"),
        ]
        assert sent


async def test_a_mention_a_reply_and_a_direct_message_are_conversations_too(stage: Stage) -> None:
    async with stage.running_bot():
        await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> hello there")
        first = await stage.finished(await stage.thread())
        assert body(first.content) == TEXT
        assert stage.upstream.of("a")[0].body["messages"][-1]["content"] == "hello there"

        direct = stage.maria.direct()
        await stage.maria.say(direct, "hi in private")
        answer = await stage.finished(direct)
        assert body(answer.content) == TEXT
        await stage.maria.say(direct, "go on", reply_to=answer)
        await stage.finished(direct, 1)

        calls = len(stage.upstream.calls)
        await stage.maria.say(stage.channel, "people talk to each other")
        await (await stage.maria.slash(stage.channel, "help")).answer()
        assert len(stage.upstream.calls) == calls


async def test_messages_during_an_answer_wait_and_are_answered_together(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "held"
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="one")
        thread = await stage.thread()
        await stage.upstream.arrived.wait()
        two = await stage.maria.say(thread, "two")
        await stage.maria.say(thread, "three")
        stage.upstream.hold.set()
        stage.upstream.behaviour["voice"] = "ok"
        await stage.finished(thread, 1)
        asked = next(
            call.body["messages"][-1]["content"]
            for call in stage.upstream.of("a")
            if "two" in str(call.body["messages"][-1])
        )
        assert asked == "two\n\nthree"
        assert two.deleted_at is None


async def test_stop_keeps_what_came_and_regenerate_answers_anew(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "stall:120"
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="tell me")
        thread = await stage.thread()
        message = await stage.discord.wait_for(
            lambda: thread.from_bot and len(body(thread.from_bot[-1].content)) > 60 and thread.from_bot[-1]
        )
        stranger = stage.discord.add_user("Paul")
        stage.discord.join(stage.guild, stranger)
        refused = await stranger.click(message, "Stop")
        assert (await refused.reply()).ephemeral
        await stage.maria.click(message, "Stop")
        stopped = await stage.finished(thread)
        assert "Stopped by Maria" in stopped.content
        kept = body(stopped.content)
        assert TEXT.startswith(kept)
        assert "Continue" in stopped.buttons
        stage.upstream.behaviour["voice"] = "ok"
        await stage.maria.click(stopped, "Regenerate")
        again = await stage.finished(thread, 1)
        assert body(again.content) == TEXT
        assert body(stopped.content) == kept
        assert stopped.buttons == []


async def test_a_dead_service_is_explained_kindly_and_the_retry_button_works_when_it_is_back(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "stall:60"
    async with stage.running_bot() as bot:
        await stage.maria.slash(stage.channel, "chat", prompt="tell me")
        thread = await stage.thread()
        await stage.discord.wait_for(lambda: thread.from_bot and len(body(thread.from_bot[-1].content)) > 20)
        assert stage.service is not None
        await stage.service.kill()
        broken = await stage.finished(thread)
        assert "no other model could finish it" in broken.content
        assert TEXT.startswith(broken.content.split("\n\n")[0])

        await stage.maria.say(thread, "still there?")
        failed = await stage.finished(thread, 1, ("Try again",))
        assert "can't reach the AI service" in failed.content
        assert bot.running
        stage.upstream.behaviour["voice"] = "ok"
        port = stage.target.rpartition(":")[2]
        again = {**environment(stage.upstream, "voice"), "ANTIPHON__SERVICE__PORT": port}
        async with running("inference_service", directory=stage.folder, environ=again) as service:
            await service.line("ready: ")
            await stage.maria.click(failed, "Try again")
            answer = await stage.finished(thread, 1)
            assert body(answer.content) == TEXT


async def test_after_a_restart_the_conversation_goes_on_and_a_cut_answer_says_so(stage: Stage) -> None:
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="first question")
        thread = await stage.thread()
        await stage.finished(thread)
    writes = stage.discord.command_writes
    stage.upstream.behaviour["voice"] = "stall:60"
    async with stage.running_bot() as bot:
        assert stage.discord.command_writes == writes
        await stage.maria.say(thread, "second question")
        await stage.discord.wait_for(lambda: len(thread.from_bot) > 1 and len(body(thread.from_bot[-1].content)) > 20)
        await bot.kill()
    stage.upstream.behaviour["voice"] = "ok"
    stage.upstream.hold.set()
    async with stage.running_bot():
        interrupted = await stage.finished(thread, 1)
        assert "I was restarted before I could finish." in interrupted.content
        await stage.maria.click(interrupted, "Regenerate")
        answer = await stage.finished(thread, 2)
        assert body(answer.content) == TEXT
        history = stage.upstream.of("a")[-1].body["messages"]
        assert any(entry["content"] == TEXT for entry in history) or len(history) <= 3


async def test_after_a_kill_a_private_answer_is_closed_and_a_mention_that_was_missed_is_answered(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "stall:60"
    async with stage.running_bot() as bot:
        private = await stage.maria.slash(stage.channel, "chat", prompt="only me", private=True)
        await stage.discord.wait_for(lambda: private.response and len(body(private.response.content)) > 20)
        await bot.kill()
    stage.upstream.behaviour["voice"] = "ok"
    stage.upstream.hold.set()
    await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> are you there?")
    async with stage.running_bot():
        closed = await stage.discord.wait_for(
            lambda: private.response and "Regenerate" in private.response.buttons and private.response
        )
        assert "I was restarted before I could finish." in closed.content
        assert TEXT.startswith(body(closed.content).strip())
        answer = await stage.finished(await stage.thread())
        assert body(answer.content) == TEXT
        assert len(stage.guild.threads) == 1


async def test_an_orderly_end_of_the_bot_ends_the_answer_honestly(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "stall:60"
    async with stage.running_bot() as bot:
        await stage.maria.slash(stage.channel, "chat", prompt="tell me")
        thread = await stage.thread()
        await stage.discord.wait_for(lambda: thread.from_bot and len(body(thread.from_bot[-1].content)) > 20)
        private = await stage.maria.slash(stage.channel, "chat", prompt="only me", private=True)
        await stage.discord.wait_for(lambda: private.response and len(body(private.response.content)) > 20)
        assert await bot.end() == 0
        complaints = [line for line in (*bot.lines, *bot.errors) if "error" in line.lower() or "Traceback" in line]
        assert complaints == []
    assert "I was restarted before I could finish." in thread.from_bot[-1].content
    assert private.response is not None
    assert "I was restarted before I could finish." in private.response.content
    assert any(one in thread.from_bot[-1].buttons for one in REGENERATE)


async def test_a_changed_question_is_answered_again_in_place_and_a_deleted_one_takes_its_answer_along(
    stage: Stage,
) -> None:
    async with stage.running_bot():
        direct = stage.maria.direct()
        question = await stage.maria.say(direct, "wrong wrods")
        await stage.finished(direct)
        count = len(stage.upstream.calls)
        await stage.maria.edit(question, "right words")
        await stage.discord.wait_for(lambda: len(stage.upstream.calls) > count)
        assert stage.upstream.calls[-1].body["messages"][-1]["content"] == "right words"
        await stage.finished(direct)
        assert len(direct.from_bot) == 1
        await stage.maria.delete(question)
        await stage.discord.wait_for(lambda: not direct.from_bot)


async def test_attachments_are_read_and_limits_are_mentioned(stage: Stage) -> None:
    async with stage.running_bot():
        direct = stage.maria.direct()
        files = [
            File("a.png", png(), "image/png"),
            File("code.py", b"print('hi')", "text/x-python"),
            File("x.bin", bytes(range(256)), "application/octet-stream"),
        ]
        await stage.maria.say(direct, "what is this?", files=files)
        answer = await stage.finished(direct)
        parts = stage.upstream.calls[-1].body["messages"][-1]["content"]
        assert {part["type"] for part in parts} == {"text", "image_url"}
        text = next(part["text"] for part in parts if part["type"] == "text")
        assert "what is this?" in text
        assert "print('hi')" in text
        assert "I can't read x.bin" in answer.content


async def test_without_thread_permission_the_answer_is_in_the_channel_and_one_private_line_says_why(
    stage: Stage,
) -> None:
    denied = Permission.CREATE_PUBLIC_THREADS | Permission.SEND_MESSAGES_IN_THREADS
    stage.channel.overwrites[stage.guild.id] = (0, int(denied))
    assert DEFAULT
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="hello")
        answer = await stage.discord.wait_for(
            lambda: next((message for message in stage.channel.from_bot if "Regenerate" in message.buttons), None)
        )
        assert body(answer.content) == TEXT
        private = [message for message in stage.channel.shown_to(stage.maria) if message.ephemeral_to is stage.maria]
        assert "Create Public Threads" in private[0].content
