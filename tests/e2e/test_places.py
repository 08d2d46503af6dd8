"""The same bot in every kind of place: restricted, small, archived, deleted, locked, or where it is only a person's guest."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.e2e.conftest import Stage, environment
from tests.e2e.test_conversation import body
from tests.fakes.discord.model import Message
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.processes import running


async def picture(stage: Stage, **options: object) -> Message:
    place = options.pop("place", stage.channel)
    order = await stage.maria.slash(place, "image", **{"prompt": "a fox", "size": "128x128", **options})  # type: ignore[arg-type]
    done: Message = await stage.discord.wait_for(
        lambda: order.response and "Delete" in order.response.buttons and order.response
    )
    return done


async def test_mature_pictures_are_drawn_only_where_the_channel_is_for_adults(stage: Stage) -> None:
    adults = stage.discord.add_text_channel(stage.guild, "adults", nsfw=True)
    async with stage.running_bot():
        refused = await (await stage.maria.slash(stage.channel, "image", prompt="an erotic fox")).answer()
        assert refused.ephemeral
        assert "age-restricted channels" in refused.content
        assert (await picture(stage, prompt="an erotic fox", place=adults)).attachments


async def test_a_spoiler_is_hidden_and_a_picture_fits_the_servers_limit(stage: Stage) -> None:
    stage.guild.file_limit = 100 * 1024
    async with stage.running_bot():
        hidden = await picture(stage, spoiler=True)
        assert hidden.attachments[0].filename.startswith("SPOILER_")
        large = await picture(stage, size="1024x1024")
        assert len(large.attachments[0].content) <= 100 * 1024


async def test_an_archived_thread_opens_for_the_answer_and_a_deleted_one_ends_it(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "held"
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="one")
        thread = await stage.thread()
        await stage.discord.wait_for(lambda: thread.from_bot)
        stage.discord.change_thread(thread, archived=True)
        stage.upstream.behaviour["voice"] = "ok"
        stage.upstream.hold.set()
        await stage.discord.wait_for(lambda: any(body(message.content) == TEXT for message in thread.from_bot))
        assert not thread.archived

        stage.upstream.hold.clear()
        stage.upstream.arrived.clear()
        stage.upstream.behaviour["voice"] = "held"
        await stage.maria.say(thread, "two")
        await stage.upstream.arrived.wait()
        stage.discord.delete_channel(thread)
        # The provider is let go: nobody waits for the answer any more.
        await stage.upstream.of("a")[-1].over.wait()
        await stage.maria.say(stage.channel, f"<@{stage.discord.bot.id}> still well?")
        stage.upstream.behaviour["voice"] = "ok"
        stage.upstream.hold.set()
        answer = await stage.finished(await stage.thread())
        assert body(answer.content) == TEXT


async def test_a_thread_that_is_locked_meanwhile_is_reported_to_the_asker_alone(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "held"
    stage.channel.overwrites[stage.guild.id] = (0, int(Permission.MANAGE_THREADS))
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="one")
        thread = await stage.thread()
        await stage.upstream.arrived.wait()
        await stage.discord.wait_for(lambda: thread.from_bot)
        stage.discord.change_thread(thread, archived=True, locked=True)
        stage.upstream.behaviour["voice"] = "ok"
        stage.upstream.hold.set()
        message = await stage.discord.wait_for(
            lambda: [one for one in stage.channel.shown_to(stage.maria) if "couldn't post" in one.content]
        )
        assert message[0].ephemeral_to is stage.maria


async def test_a_guest_of_one_person_answers_in_place_and_makes_no_thread(stage: Stage) -> None:
    async with stage.running_bot():
        for hidden in (False, True):
            asked = await stage.maria.slash(
                stage.channel, "chat", user_install=True, prompt="hello", **({"private": True} if hidden else {})
            )
            answer = await stage.discord.wait_for(
                lambda asked=asked: asked.response and "Regenerate" in asked.response.buttons and asked.response  # type: ignore[misc]
            )
            assert body(answer.content) == TEXT
            assert answer.ephemeral is hidden
        assert not stage.guild.threads
        stage.upstream.text = "long words " * 900
        asked = await stage.maria.slash(stage.channel, "chat", user_install=True, prompt="tell me everything")
        last = await stage.discord.wait_for(
            lambda: next((message for message in stage.channel.from_bot if message.attachments), None)
        )
        assert last.attachments[0].content.decode() == stage.upstream.text


async def test_dropped_turns_are_mentioned(stage: Stage) -> None:
    stage.more["ANTIPHON__BOT__HISTORY_TOKENS"] = "700"
    async with stage.running_bot():
        direct = stage.maria.direct()
        await stage.maria.say(direct, "word " * 300)
        await stage.finished(direct, 0)
        await stage.maria.say(direct, "more " * 300)
        await stage.finished(direct, 1)
        answer = await stage.finished(direct, 1)
        assert "The oldest message no longer fits" in answer.content
        assert "word" not in str(stage.upstream.of("a")[-1].body["messages"])


async def test_waiting_for_a_free_token_is_shown_with_its_time(stage: Stage) -> None:
    stage.upstream.behaviour["voice"] = "429:7"
    async with stage.running_bot():
        direct = stage.maria.direct()
        await stage.maria.say(direct, "hello")
        await stage.discord.wait_for(
            lambda: any("Number 1 in line · about" in message.content for message in direct.from_bot)
        )
        stage.upstream.behaviour["voice"] = "ok"
        answer = await stage.finished(direct)
        assert body(answer.content) == TEXT


@contextlib.asynccontextmanager
async def two_providers(folder: Path, first: str, *, restart: bool) -> AsyncIterator[Stage]:
    async with FakeDiscord() as discord, FakeUpstream() as upstream:
        guild = discord.add_guild()
        channel, maria = discord.add_text_channel(guild, "general"), discord.add_user("Maria")
        discord.join(guild, maria)
        upstream.behaviour |= {"voice": first, "other": "ok"}
        preset = '{preset = "plain"}' if restart else '{preset = "vllm"}'
        more = {
            "ANTIPHON__PROVIDERS__B__KIND": "openai",
            "ANTIPHON__PROVIDERS__B__BASE_URL": upstream.base("b"),
            "ANTIPHON__PROVIDERS__B__MODELS": '["other"]',
            "ANTIPHON__PROVIDERS__B__OPTIONS": preset,
            "ANTIPHON__PROVIDERS__B__ANONYMOUS": "true",
            "ANTIPHON__ROUTES__CHAT__DEPLOYMENTS": '["a/voice", "b/other"]',
            "ANTIPHON__ROUTING__TIMEOUTS__IDLE": "2",
        }
        env = {**environment(upstream, "voice"), **more}
        async with running("inference_service", directory=folder, environ=env) as service:
            target = (await service.line("ready: ")).split()[1]
            yield Stage(discord, upstream, guild, channel, maria, folder, target, service)
        assert discord.violations == []


async def test_a_handover_in_the_middle_is_not_seen_but_in_the_footer(tmp_path: Path) -> None:
    async with two_providers(tmp_path, "cut:120", restart=False) as stage, stage.running_bot():
        direct = stage.maria.direct()
        await stage.maria.say(direct, "tell me")
        answer = await stage.finished(direct)
        assert body(answer.content) == TEXT
        assert "-# b/other · " in answer.content
        assert len(direct.from_bot) == 1
        shown = [body(one.content).removesuffix(" ▍") for one in answer.history]
        assert all(TEXT.startswith(one) for one in shown)


async def test_an_answer_that_has_to_begin_again_never_shrinks_before_the_readers_eyes(tmp_path: Path) -> None:
    async with two_providers(tmp_path, "stall:150", restart=True) as stage, stage.running_bot():
        stage.upstream.pause = 0.02
        direct = stage.maria.direct()
        await stage.maria.say(direct, "tell me")
        answer = await stage.finished(direct)
        assert body(answer.content) == TEXT
        lengths = [len(body(entry.content).removesuffix(" ▍")) for entry in answer.history]
        assert lengths == sorted(lengths)
