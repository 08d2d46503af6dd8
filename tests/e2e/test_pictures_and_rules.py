"""Pictures, settings, limits, languages and privacy in Discord."""

import asyncio
import json

from tests.e2e.conftest import Stage
from tests.e2e.test_conversation import body
from tests.fakes.discord.model import Role
from tests.fakes.upstream.server import TEXT


async def test_a_picture_comes_with_progress_alt_text_and_buttons(stage: Stage) -> None:
    async with stage.running_bot():
        order = await stage.maria.slash(stage.channel, "image", prompt="a fox in the snow", size="wide", seed="7")
        await order.acknowledged()
        assert order.response is not None
        assert order.response.history[0].content.startswith("Drawing “a fox in the snow”")
        assert "Cancel" in [one["label"] for one in order.response.history[0].components[0]["components"]]
        done = await stage.discord.wait_for(
            lambda: order.response and "Delete" in order.response.buttons and order.response
        )
        assert [one.description for one in done.attachments] == ["a fox in the snow"]
        assert "seed 7" in done.content
        assert done.buttons == ["Again", "New seed", "Edit prompt…", "Use as input", "Delete"]
        first = done.attachments[0].content

        again = await stage.maria.click(done, "Again")
        same = await stage.discord.wait_for(
            lambda: (
                again.response and again.response.attachments and "Delete" in again.response.buttons and again.response
            )
        )
        assert same.attachments[0].content == first

        form = await (await stage.maria.click(done, "Edit prompt…")).acknowledged()
        changed = await stage.maria.submit_modal(form, Prompt="a wolf", Size="128x96")
        wolf = await stage.discord.wait_for(
            lambda: changed.response and "Delete" in changed.response.buttons and changed.response
        )
        assert wolf.attachments[0].width == 128
        await stage.maria.click(wolf, "Delete")
        await stage.discord.wait_for(lambda: wolf.deleted_at)


async def test_nonsense_options_are_explained_privately(stage: Stage) -> None:
    async with stage.running_bot():
        for options, text in (
            ({"size": "huge"}, "I don't know that size"),
            ({"seed": "abc"}, "The seed must be a whole number"),
            ({"prompt": "\u200b"}, "Tell me what to draw"),
        ):
            refused = await stage.maria.slash(stage.channel, "image", **{"prompt": "fox", **options})
            answer = await refused.answer()
            assert answer.ephemeral
            assert text in answer.content


async def test_menus_answer_privately_and_share_on_wish(stage: Stage) -> None:
    async with stage.running_bot():
        message = await stage.maria.say(stage.channel, "Glaciers are slow rivers of ice.")
        interaction = await stage.maria.message_menu(message, "Explain")
        answer = await stage.discord.wait_for(
            lambda: interaction.response and "Share here" in interaction.response.buttons and interaction.response
        )
        assert answer.ephemeral
        assert body(answer.content) == TEXT
        assert "slow rivers" in stage.upstream.calls[-1].body["messages"][-1]["content"]
        await stage.maria.click(answer, "Share here")
        await stage.discord.wait_for(lambda: any(TEXT in one.content for one in stage.channel.from_bot))


async def test_settings_hold_at_once_and_only_managers_change_them(stage: Stage) -> None:
    stage.guild.roles.append(role := Role(stage.discord.ids.next(), "readers"))
    async with stage.running_bot():
        refused = await stage.maria.slash(stage.channel, "settings")
        assert "Manage Server" in (await refused.answer()).content
        owner = stage.guild.owner
        card = await (await owner.slash(stage.channel, "settings")).answer()  # type: ignore[attr-defined]
        await (await owner.choose(card, "settings:2:access:roles", [role])).acknowledged()  # type: ignore[attr-defined]
        await stage.discord.wait_for(lambda: f"<@&{role.id}>" in card.text)
        denied = await (await stage.maria.slash(stage.channel, "chat", prompt="hi")).answer()
        assert denied.ephemeral
        assert "role" in denied.content
        await (await owner.click(card, "Reset all")).acknowledged()  # type: ignore[attr-defined]
        await (await owner.click(card, "Limits")).acknowledged()  # type: ignore[attr-defined]
        form = await (await owner.click(card, "Limits per member…")).acknowledged()  # type: ignore[attr-defined]
        await owner.submit_modal(form, user_requests_per_day="1")  # type: ignore[attr-defined]
        await stage.discord.wait_for(lambda: "Answers per member: 60 per hour, 1 per day" in card.text)
        await stage.maria.slash(stage.channel, "chat", prompt="one")
        await stage.finished(await stage.thread())
        full = await (await stage.maria.slash(stage.channel, "chat", prompt="two")).answer()
        assert full.ephemeral
        assert "1 of 1" in full.content
        assert ":R>" in full.content


async def test_a_russian_reads_russian(stage: Stage) -> None:
    ivan = stage.discord.add_user("Иван", locale="ru")
    stage.discord.join(stage.guild, ivan)
    async with stage.running_bot():
        assert stage.discord.command("чат").name == "chat"
        helped = await (await ivan.slash(stage.channel, "помощь")).answer()
        assert "Спросить" in helped.content
        await ivan.slash(stage.channel, "chat", prompt="привет")
        thread = await stage.thread()
        answer = await stage.finished(thread)
        assert answer.buttons == ["Заново", "В новой ветке"]
        usage = await (await ivan.slash(stage.channel, "расход")).answer()
        assert "1 ответ," in usage.content


async def test_autocomplete_offers_models_and_an_unknown_one_is_refused(stage: Stage) -> None:
    async with stage.running_bot():
        assert "chat" in await stage.maria.autocomplete(stage.channel, "chat", "model", "ch")
        assert await stage.maria.autocomplete(stage.channel, "chat", "model", "voi") == [], "routes, not deployments"
        refused = await (await stage.maria.slash(stage.channel, "chat", prompt="hi", model="a/voice")).answer()
        assert refused.ephemeral
        refused = await (await stage.maria.slash(stage.channel, "chat", prompt="hi", model="nonsense")).answer()
        assert "no model called “nonsense”" in refused.content
        chosen = await (
            await stage.maria.slash(stage.channel, "persona", text="Speak like a pirate", scope="me")
        ).answer()
        assert "your own instructions" in chosen.content
        await stage.maria.slash(stage.channel, "chat", prompt="hi")
        await stage.finished(await stage.thread())
        first = next(call for call in stage.upstream.calls if call.body.get("messages"))
        assert first.body["messages"][0] == {"role": "system", "content": "Speak like a pirate"}


async def test_privacy_shows_exports_and_erases(stage: Stage) -> None:
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="my secret question")
        await stage.finished(await stage.thread())
        card = await (await stage.maria.slash(stage.channel, "privacy")).answer()
        assert "One conversation" in card.content
        exported = await (await stage.maria.click(card, "Export")).answer()
        assert "my secret question" in json.dumps(json.loads(exported.attachments[0].content))
        sure = await (await stage.maria.click(card, "Erase everything")).answer()
        await (await stage.maria.click(sure, "Yes, erase everything")).acknowledged()
        empty = await (await stage.maria.slash(stage.channel, "privacy")).answer()
        assert "0 conversations" in empty.content


async def test_a_status_for_operators_and_a_closed_conversation(stage: Stage) -> None:
    async with stage.running_bot():
        status = await stage.maria.slash(stage.channel, "status")
        answer = await stage.discord.wait_for(
            lambda: status.response and not status.response.loading and status.response
        )
        assert "I can answer." in answer.content
        await stage.maria.slash(stage.channel, "chat", prompt="hi")
        thread = await stage.thread()
        await stage.finished(thread)
        await (await stage.maria.slash(thread, "close")).acknowledged()
        await stage.discord.wait_for(lambda: thread.archived)
        await stage.maria.say(thread, "wait, one more")
        await stage.discord.wait_for(lambda: sum(TEXT in message.content for message in thread.from_bot) == 2)


async def test_many_answers_in_one_channel_never_trip_a_limit(stage: Stage) -> None:
    people = [stage.discord.add_user(f"P{n}") for n in range(6)]
    stage.discord.join(stage.guild, *people)
    stage.channel.overwrites[stage.guild.id] = (0, 1 << 35)
    async with stage.running_bot():
        await asyncio.gather(
            *(person.slash(stage.channel, "chat", prompt=f"question {n}") for n, person in enumerate(people))
        )
        await stage.discord.wait_for(
            lambda: sum("Regenerate" in message.buttons for message in stage.channel.from_bot) == len(people),
            timeout=60,
        )
        assert all(
            body(message.content) == TEXT for message in stage.channel.from_bot if "Regenerate" in message.buttons
        )


async def test_discords_own_errors_and_a_broken_gateway_lose_nothing(stage: Stage) -> None:
    async with stage.running_bot():
        stage.discord.fail_next("PATCH", "/messages/", 500, 2)
        stage.discord.fail_next("POST", r"/channels/\d+/messages$", 502, 1)
        await stage.maria.slash(stage.channel, "chat", prompt="hi")
        thread = await stage.thread()
        answer = await stage.finished(thread)
        assert body(answer.content) == TEXT
        await stage.discord.gateway.drop(1006, resumable=True) if False else await stage.discord.gateway.drop(
            None, resumable=True
        )
        await stage.discord.wait_for(
            lambda: stage.discord.gateway.resumes or stage.discord.gateway.identifies > 1, timeout=40
        )
        await stage.maria.say(thread, "after the storm")
        assert body((await stage.finished(thread, 1)).content) == TEXT
