"""A voice message is a question: written down through the service, shown as a quote, then answered."""

import pytest

from tests.e2e.conftest import Stage
from tests.e2e.test_catchup import newcomer
from tests.e2e.test_conversation import body
from tests.fakes.discord.model import File
from tests.fakes.upstream.server import TEXT
from tests.service.test_unary import voice

EARS = {
    "ANTIPHON__PROVIDERS__A__MODELS": '["voice", "whisper-1"]',
    "ANTIPHON__ROUTES__TRANSCRIBE__DEPLOYMENTS": '["a/whisper-1"]',
}


@pytest.mark.service(**EARS)
async def test_a_voice_message_is_quoted_and_answered(stage: Stage) -> None:
    stage.upstream.behaviour["whisper-1"] = "ok"
    direct = stage.maria.direct()
    async with stage.running_bot():
        await stage.maria.speak(direct, voice())
        answer = await stage.finished(direct)
        assert direct.from_bot[0].content == "> What do glaciers do?"
        assert body(answer.content) == TEXT
        asked = [call.body["messages"][-1]["content"] for call in stage.upstream.of("a") if "messages" in call.body]
        assert asked[0] == "What do glaciers do?"

        # A recording that a question points at is read, too.
        await stage.maria.slash(
            stage.channel, "chat", prompt="What is it about?", attachment=File("talk.ogg", voice(), "audio/ogg")
        )
        await stage.finished(await stage.thread())
        asked = [
            str(call.body["messages"][-1]["content"]) for call in stage.upstream.of("a") if "messages" in call.body
        ]
        assert any("[talk.ogg]\nWhat do glaciers do?" in one for one in asked)

        stage.upstream.spoken = "  "
        await stage.maria.speak(direct, voice())
        await stage.discord.wait_for(lambda: any("didn't hear any words" in one.content for one in direct.from_bot))


async def test_where_nobody_listens_it_is_said_in_the_speakers_language(stage: Stage) -> None:
    olga = await newcomer(stage, "Ольга", "ru")
    direct = olga.direct()
    async with stage.running_bot():
        await (await olga.slash(direct, "help")).answer()  # Discord tells the language with a command
        await olga.speak(direct, voice())
        told = await stage.discord.wait_for(
            lambda: [message for message in direct.from_bot if "не распознаёт речь" in message.content]
        )
        assert "голосовое сообщение" in told[0].content
        await olga.speak(direct, b"no recording at all", seconds=3_000)
        await stage.discord.wait_for(
            lambda: [message for message in direct.from_bot if "не больше 20 минут" in message.content]
        )
        assert not stage.upstream.calls
