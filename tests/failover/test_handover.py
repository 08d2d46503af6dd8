"""Handover in the middle of an answer is exact in code points, wherever it breaks and whoever goes on."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon import events
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.recovery import recovering
from tests.support.service import two_providers

# Units that a cut may split: families joined by ZWJ, flags, skin tones, combining marks, presentation selectors.
UNITS = (
    "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "👍🏽", "🏔️", "e\u0301", "a\u0308\u0323", "क्षि", "각", "ﷺ", "𝔊", "\u200b",
    "word", " ", " ", "\n", "Ёлки", "氷河", "“", "…", "- ", "1.", "\t",
)  # fmt: skip
# Each unit with a sign of its own, so that no text repeats itself: what repeats is a question of its own, in test_splice. Each with an end,
# so that it is whole where nothing but its end was lost.
TEXTS = st.lists(st.sampled_from(UNITS), min_size=24, max_size=60).map(
    lambda units: "".join(f"{unit}{chr(0x4E00 + number)}" for number, unit in enumerate(units)).strip() + "."
)
BREAKS = st.sampled_from(["cut", "eof", "errorlater", "resetchunk", "resetcharacter", "lostchunk", "finishcut"])
EXACT = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


async def interrupted(text: str, breaks: str, share: int, step: int, second: str, preset: str = "vllm") -> None:
    """One answer that breaks at a hundredth of its characters and goes on at `second`."""
    place = len(text) * share // 100
    async with FakeUpstream() as upstream:
        upstream.text, upstream.step = text, step
        fault = f"{breaks}:{place}"
        upstream.behaviour["first"] = fault
        async with recovering(upstream, two_providers(upstream, "first", second, preset=preset)) as (_, client):
            stream = client.chat("hi")
            received, kept = "", []
            async for event in stream:
                match event:
                    case events.Delta():
                        received += event.text
                    case events.Handover():
                        received = received[: event.keep_chars]
                        kept.append(event.keep_chars)
            assert received == stream.text == text
            assert stream.finished is not None
            assert stream.finished.total_chars == len(text)
            asked = [call.body["messages"][-1] for call in upstream.of("b")]
            if asked and asked[0]["role"] == "assistant":
                assert preset == "vllm"
                assert [(turn["role"], turn["content"]) for turn in asked] == [("assistant", text[: kept[0]])]
            else:  # too little had arrived to be continued, nobody continues, or nothing broke
                assert [turn["role"] for turn in asked] in (["user"], [])
                assert preset == "plain" or not kept or kept[0] < 16
            if second == "reasoning":
                assert stream.reasoning == ("let me see" if asked else "")


@given(TEXTS, BREAKS, st.integers(0, 99), st.integers(1, 12))
@EXACT
async def test_a_continued_answer_is_exact(text: str, breaks: str, share: int, step: int) -> None:
    await interrupted(text, breaks, share, step, "ok")


@given(TEXTS, BREAKS, st.integers(0, 99), st.integers(1, 12))
@EXACT
async def test_an_answer_whose_beginning_is_echoed_is_exact(text: str, breaks: str, share: int, step: int) -> None:
    await interrupted(text, breaks, share, step, "echo")


@given(TEXTS, BREAKS, st.integers(0, 99), st.integers(1, 12))
@EXACT
async def test_an_answer_that_begins_again_is_exact(text: str, breaks: str, share: int, step: int) -> None:
    await interrupted(text, breaks, share, step, "ok", preset="plain")


@given(TEXTS, BREAKS, st.integers(0, 99), st.integers(1, 12))
@EXACT
async def test_reasoning_after_a_handover_is_never_mixed_into_the_answer(
    text: str, breaks: str, share: int, step: int
) -> None:
    await interrupted(text, breaks, share, step, "reasoning")


async def test_an_answer_that_breaks_twice_is_whole() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "cut:60", "eof:90")
        config["providers"]["c"] = {**config["providers"]["b"], "base_url": upstream.base("c"), "models": ["ok"]}
        config["routes"]["chat"]["deployments"].append("c/ok")
        async with recovering(upstream, config) as (_, client):
            stream = client.chat("hi")
            kept = [event.keep_chars async for event in stream if isinstance(event, events.Handover)]
            assert stream.text == TEXT
            assert kept == sorted(kept)
            assert len(kept) == 2
            assert [call.body["messages"][-1]["content"] for call in (upstream.of("b")[0], upstream.of("c")[0])] == [
                TEXT[: kept[0]],
                TEXT[: kept[1]],
            ]


async def test_a_cut_inside_reasoning_starts_again_and_keeps_nothing_of_it_in_the_answer() -> None:
    async with (
        FakeUpstream() as upstream,
        recovering(upstream, two_providers(upstream, "reasoningcut", "think")) as (
            _,
            client,
        ),
    ):
        stream = client.chat("hi")
        handovers = [event async for event in stream if isinstance(event, events.Handover)]
        assert stream.text == TEXT
        assert [handover.keep_chars for handover in handovers] == [0]
        assert upstream.of("b")[0].body["messages"][-1]["role"] == "user"
