"""Work is charged to whoever presses, when it starts, by every path; and only what the operator offers can be chosen."""

import pytest

from tests.e2e.conftest import Stage


@pytest.mark.service(ANTIPHON__EMBEDDED__IMAGE_SECONDS="6")
async def test_cancelled_pictures_count_and_four_count_as_four(stage: Stage) -> None:
    stage.more["ANTIPHON__BOT__QUOTAS__USER_REQUESTS_PER_HOUR"] = "5"
    stage.more["ANTIPHON__BOT__QUOTAS__USER_REQUESTS_PER_DAY"] = "0"
    async with stage.running_bot():
        for _ in range(2):
            order = await (await stage.maria.slash(stage.channel, "image", prompt="a fox")).acknowledged()
            assert order.response is not None
            await stage.maria.click(order.response, "Cancel")
            await stage.discord.wait_for(lambda order=order: order.response and "Cancelled." in order.response.content)
        refused = await (await stage.maria.slash(stage.channel, "image", prompt="a fox", count=4)).answer()
        assert refused.ephemeral
        assert "2 of 5" in refused.content
        await (await stage.maria.slash(stage.channel, "image", prompt="a fox", size="128x128", count=3)).acknowledged()
        last = await (await stage.maria.slash(stage.channel, "chat", prompt="one more?")).answer()
        assert "5 of 5" in last.content


async def test_a_moderator_who_regenerates_pays_for_it(stage: Stage) -> None:
    stage.more["ANTIPHON__BOT__QUOTAS__USER_REQUESTS_PER_HOUR"] = "2"
    owner = stage.guild.owner
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="hi")
        thread = await stage.thread()
        answer = await stage.finished(thread)
        for number in (1, 2):
            await owner.click(answer, "Regenerate")  # type: ignore[attr-defined]
            answer = await stage.finished(thread, number)
        await owner.click(answer, "Regenerate")  # type: ignore[attr-defined]
        await stage.discord.wait_for(
            lambda: any(message.ephemeral and "2 of 2" in message.content for message in thread.shown_to(owner))
        )
        assert "Regenerate" in answer.buttons
        await stage.maria.click(answer, "Regenerate")
        await stage.finished(thread, 3)


async def test_an_erasure_does_not_renew_the_quota(stage: Stage) -> None:
    stage.more["ANTIPHON__BOT__QUOTAS__USER_REQUESTS_PER_HOUR"] = "1"
    async with stage.running_bot():
        await stage.maria.slash(stage.channel, "chat", prompt="hi")
        await stage.finished(await stage.thread())
        card = await (await stage.maria.slash(stage.channel, "privacy")).answer()
        sure = await (await stage.maria.click(card, "Erase everything")).answer()
        await (await stage.maria.click(sure, "Yes, erase everything")).acknowledged()
        refused = await (await stage.maria.slash(stage.channel, "chat", prompt="again")).answer()
        assert "1 of 1" in refused.content


async def test_a_person_whom_the_operator_blocks_is_answered_nowhere(stage: Stage) -> None:
    stage.more["ANTIPHON__BOT__ACCESS__BLOCKED_USERS"] = f"[{stage.maria.id}]"
    stage.more["ANTIPHON__BOT__OPERATORS"] = "[]"
    async with stage.running_bot():
        for command, options in (("chat", {"prompt": "hi"}), ("image", {"prompt": "a fox"})):
            refused = await (await stage.maria.slash(stage.channel, command, **options)).answer()
            assert refused.ephemeral
            assert "not allowed" in refused.content
        await stage.maria.say(stage.maria.direct(), "hi")
        await stage.discord.wait_for(
            lambda: any("not allowed" in message.content for message in stage.maria.direct().from_bot)
        )
        assert stage.upstream.calls == []
