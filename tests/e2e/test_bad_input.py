"""What people type by accident or on purpose: never silence, never "interaction failed", never a ping."""

from tests.e2e.conftest import Stage
from tests.e2e.test_conversation import body
from tests.fakes.discord.model import File
from tests.fakes.upstream.server import TEXT

RTL, ZERO = "\u202e", "\u200b"


async def test_an_empty_question_gets_a_hint_and_never_reaches_a_model(stage: Stage) -> None:
    async with stage.running_bot():
        reply = await (await stage.maria.slash(stage.channel, "chat", prompt=f" {ZERO}{RTL} ")).answer()
        assert reply.ephemeral
        assert "nothing to answer" in reply.content
        await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}>")
        await stage.discord.wait_for(lambda: any("nothing to answer" in message.content for message in stage.written))
        assert stage.upstream.calls == []


async def test_names_of_files_threads_and_people_cannot_break_out(stage: Stage) -> None:
    stage.maria.name = f"{RTL}Maria** @everyone <@1>"
    async with stage.running_bot():
        notes = File("../../etc/passwd\u202e.txt", b"root", "text/plain")
        await stage.maria.slash(stage.channel, "chat", prompt=f"{RTL}hi **there** <@5> [x](y)", attachment=notes)
        thread = await stage.thread()
        answer = await stage.finished(thread)
        assert RTL not in thread.names[0][1]
        assert "<@" not in thread.names[0][1]
        sent = stage.upstream.calls[0].body["messages"][-1]["content"]
        assert ".." not in sent
        assert RTL not in sent.partition("[")[2]
        assert all(not one.pinged for one in (*thread.from_bot, *stage.channel.from_bot))
        assert body(answer.content) == TEXT


async def test_whatever_an_answer_says_nobody_is_pinged(stage: Stage) -> None:
    mentions = " ".join(f"<@{stage.maria.id}>" for _ in range(50))
    stage.upstream.text = f"@everyone @here <@&{stage.guild.id}> {mentions} discord.gg/abc https://example.org/a_b*c*"
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="ping everyone, and fifty times me")
        thread = await stage.thread()
        answer = await stage.finished(thread)
        assert body(answer.content) == stage.upstream.text
        assert not answer.pinged


async def test_a_reply_to_a_message_that_is_gone_is_answered_all_the_same(stage: Stage) -> None:
    async with stage.running_bot():
        first = await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> one")
        answer = await stage.finished(await stage.thread())
        await stage.maria.delete(first)
        await stage.discord.wait_for(lambda: answer.deleted_at)
        gone = await stage.maria.say(stage.channel, "to be deleted")
        await stage.maria.delete(gone)
        await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> and this?", reply_to=gone)
        again = await stage.finished(await stage.thread(2))
        assert body(again.content) == TEXT


async def test_a_form_that_is_too_long_gets_the_limit(stage: Stage) -> None:
    async with stage.running_bot():
        order = await stage.maria.slash(stage.channel, "image", prompt="fox", size="64x64")
        done = await stage.discord.wait_for(
            lambda: order.response and "Delete" in order.response.buttons and order.response
        )
        form = await (await stage.maria.click(done, "Edit prompt…")).acknowledged()
        assert form.modal is not None
        # The client app holds to the form's bound; another client does not.
        for row in form.modal["components"]:
            for field in row.get("components", [row.get("component")]):
                field["max_length"] = 10_000
        refused = await (await stage.maria.submit_modal(form, Prompt="x" * 6_000)).answer()
        assert refused.ephemeral
        assert "at most 4,000 characters" in refused.content


async def test_of_many_models_twenty_five_are_offered_and_the_choice_says_what_it_can(stage: Stage) -> None:
    async with stage.running_bot():
        offered = await stage.maria.autocomplete(stage.channel, "model", "model", "")
        assert 0 < len(offered) <= 25
        chosen = await (await stage.maria.slash(stage.channel, "model", model="chat", scope="me")).answer()
        assert "Model for you: chat." in chosen.content
        assert "-# " in chosen.content


async def test_a_stranger_may_read_along_but_not_stop_or_change(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "held"
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="mine")
        thread = await stage.thread()
        await stage.upstream.arrived.wait()
        shown = await stage.discord.wait_for(lambda: thread.from_bot and thread.from_bot[-1])
        stranger = stage.discord.add_user("Paul")
        stage.discord.join(stage.guild, stranger)
        refused = await (await stranger.click(shown, "Stop")).reply()
        assert refused.ephemeral
        assert "Only the person who asked" in refused.content
        stage.upstream.behaviour["voice"] = "ok"
        stage.upstream.hold.set()
        await stage.finished(thread)


async def test_a_gateway_that_breaks_in_the_middle_of_an_answer_repeats_nothing(stage: Stage) -> None:
    stage.upstream.pause = 0.05
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="tell me")
        thread = await stage.thread()
        await stage.discord.wait_for(lambda: thread.from_bot and len(body(thread.from_bot[-1].content)) > 20)
        await stage.discord.gateway.drop(None, resumable=True)
        answer = await stage.finished(thread)
        assert body(answer.content) == TEXT
        assert len(thread.from_bot) == 1
        await stage.discord.wait_for(lambda: stage.discord.gateway.resumes or stage.discord.gateway.identifies > 1)
        await stage.maria.say(thread, "still there?")
        await stage.finished(thread, 1)
        asked = [call.body["messages"][-1]["content"] for call in stage.upstream.of("a")]
        assert asked.count("tell me") == asked.count("still there?") == 1


async def test_a_start_in_2500_servers_asks_nothing_of_any_of_them(stage: Stage) -> None:
    for number in range(2_500):
        stage.discord.add_guild(f"server {number}", owner=stage.maria)
    async with stage.running_bot():
        reply = await (await stage.maria.slash(stage.channel, "help")).answer()
        assert reply.ephemeral
        places = [entry.path for entry in stage.discord.log if "/guilds/" in entry.path or "/channels/" in entry.path]
        assert places == []
