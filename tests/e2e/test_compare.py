"""Two models side by side, votes, and the ranking from which a manager chooses the default."""

from typing import Any

import pytest

from tests.e2e.conftest import Stage
from tests.e2e.test_catchup import newcomer
from tests.fakes.discord.interaction import Interaction
from tests.fakes.discord.model import Channel
from tests.fakes.discord.people import Person

MODELS = {
    "ANTIPHON__PROVIDERS__A__MODELS": '["voice", "owl"]',
    "ANTIPHON__ROUTES__OWL__DEPLOYMENTS": '["a/owl"]',
}


async def compare(person: Person, channel: Channel, second: str = "owl") -> Interaction:
    options: dict[str, Any] = {"prompt": "Why?", "model-a": "chat", "model-b": second}
    return await person.slash(channel, "compare", **options)


@pytest.mark.service(**MODELS)
async def test_two_models_answer_people_vote_and_a_manager_makes_the_winner_the_default(stage: Stage) -> None:
    ben, owner = await newcomer(stage, "Ben"), stage.guild.owner
    stage.upstream.behaviour["owl"] = "ok"
    async with stage.running_bot():
        await compare(stage.maria, stage.channel)
        thread = await stage.thread()
        card = await stage.discord.wait_for(
            lambda: next((one for one in thread.from_bot if "Which answer is better?" in one.content), None)
        )
        answers = [one for one in thread.from_bot if one is not card]
        assert sorted(one.content.split("-# ")[1].strip() for one in answers) == ["A · chat", "B · owl"]
        assert card.buttons == ["A: chat", "B: owl", "Equally good"]
        usage = await (await stage.maria.slash(stage.channel, "usage")).answer()
        assert "2 answers" in usage.text, "both are charged"

        for person, label, shown in (
            (stage.maria, "B: owl", "B: owl · 1"),
            (ben, "A: chat", "A: chat · 1"),
            (ben, "B: owl · 1", "B: owl · 2"),
            (owner, "Equally good", "Equally good · 1"),
            (owner, "Equally good · 1", "Equally good"),
        ):
            await (await person.click(card, label)).acknowledged()  # type: ignore[attr-defined]
            await stage.discord.wait_for(lambda shown=shown: shown in card.buttons)  # type: ignore[misc]
        assert "2 votes" in card.content

        # The talk goes on from the better answer, by the usual model.
        calls = len(stage.upstream.of("a"))
        await ben.say(thread, "Go on")
        await stage.discord.wait_for(
            lambda: [call for call in stage.upstream.of("a")[calls:] if len(call.body["messages"]) > 3]
        )

        board = await (await ben.slash(stage.channel, "models")).answer()
        assert "1. **owl** – 100% of 2 votes" in board.content
        assert "2. **chat** – 0% of 2 votes · default" in board.content
        assert not board.components
        managed = await (await owner.slash(stage.channel, "models")).answer()  # type: ignore[attr-defined]
        await (await owner.choose(managed, "models:1:default", ["owl"])).acknowledged()  # type: ignore[attr-defined]
        await stage.discord.wait_for(lambda: "**owl** – 100% of 2 votes · default" in managed.content)
    async with stage.running_bot():  # the votes and the default outlive a restart
        await (await ben.click(card, "A: chat")).acknowledged()
        await stage.discord.wait_for(lambda: "A: chat · 1" in card.buttons and "B: owl · 1" in card.buttons)
        await stage.maria.slash(stage.channel, "chat", prompt="Who answers?")
        await stage.finished(await stage.thread(2))
        assert stage.upstream.of("a")[-1].model == "owl" or stage.upstream.of("a")[-2].model == "owl"


@pytest.mark.service(**MODELS)
async def test_an_impossible_comparison_is_refused_before_anything_is_asked(stage: Stage) -> None:
    stage.more["ANTIPHON__BOT__QUOTAS__USER_REQUESTS_PER_DAY"] = "1"
    olga, owner = await newcomer(stage, "Ольга", "ru"), stage.guild.owner
    async with stage.running_bot():
        for channel, second, words in (
            (stage.channel, "nothing", "Модели «nothing» здесь нет"),
            (stage.channel, "chat", "две разные модели"),
            (olga.direct(), "owl", "на сервере"),
            (stage.channel, "owl", "1"),
        ):
            asked = await compare(olga, channel, second)
            refused = await asked.answer()
            assert words in refused.content
            assert refused.ephemeral
        card = await (await owner.slash(stage.channel, "settings")).answer()  # type: ignore[attr-defined]
        await (await owner.click(card, "settings:2:answers:show")).acknowledged()  # type: ignore[attr-defined]
        await (await owner.click(card, "settings:2:answers:lock_model")).acknowledged()  # type: ignore[attr-defined]
        locked = await compare(stage.maria, stage.channel)
        assert "locked its model" in (await locked.answer()).content
        assert "Nobody has voted yet" in (await (await stage.maria.slash(stage.channel, "models")).answer()).content
        assert not stage.upstream.of("a")
