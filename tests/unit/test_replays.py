"""Answers that are kept for a second question with the same id, and pages of usage."""

import msgspec
import pytest

from antiphon.v1 import chat_pb2
from inference_service.api.replays import KEPT, LARGEST, RESPONSES, Answer, Key, Replays, packed, replayed, unpacked
from inference_service.api.turns import InvalidRequestError
from inference_service.domain import Cost, Usage, UsageRecord
from inference_service.usage.grouping import Dimension, Group, WrongPageError, grouped, page_of
from inference_service.usage.ledger import HOUR, Sums, sums_of
from inference_service.usage.sums import total

KEY = ("bot", "chat", "r-1")


def request(model: str = "chat") -> chat_pb2.ChatRequest:
    return chat_pb2.ChatRequest(model=model, request_id="r-1", replay=True)


async def keep(replays: Replays, key: tuple[str, str, str] = KEY, text: str = "Hello") -> None:
    recording = replays.record(key, request())
    recording.add(chat_pb2.ChatResponse(delta=text))
    recording.add(chat_pb2.ChatResponse(finished=chat_pb2.ChatFinished(total_chars=len(text))))
    await recording.finish()


async def test_the_same_request_gets_the_same_answer_and_the_mark_of_it() -> None:
    replays = Replays()
    assert await replays.find(KEY, request()) is None
    await keep(replays)
    for _ in range(2):
        kept = await replays.find(KEY, request())
        assert kept is not None
        assert kept[0].delta == "Hello"  # type: ignore[attr-defined]
        assert kept[-1].finished.replayed  # type: ignore[attr-defined]
    assert await replays.find(("other", "chat", "r-1"), request()) is None
    assert await replays.find(("bot", "complete", "r-1"), request()) is None


async def test_another_request_with_the_id_is_refused() -> None:
    replays = Replays()
    await keep(replays)
    with pytest.raises(InvalidRequestError) as caught:
        await replays.find(KEY, request("vision"))
    assert caught.value.violations[0][0] == "request_id"


async def test_answers_are_forgotten_by_age_and_by_size() -> None:
    now = [0.0]
    replays = Replays(clock=lambda: now[0])
    await keep(replays)
    now[0] = KEPT - 1
    assert await replays.find(KEY, request()) is not None
    now[0] = KEPT + 1
    assert await replays.find(KEY, request()) is None
    for number in range(6):
        await keep(replays, ("bot", "chat", str(number)), "x" * (LARGEST - 100))
    assert await replays.find(("bot", "chat", "0"), request()) is None
    assert await replays.find(("bot", "chat", "5"), request()) is not None
    await keep(replays, ("bot", "chat", "large"), "x" * (LARGEST + 1))
    assert await replays.find(("bot", "chat", "large"), request()) is None


class Shelf:
    """Where replicas put answers, as a dictionary."""

    def __init__(self) -> None:
        self.held: dict[Key, bytes] = {}

    async def get(self, key: Key) -> bytes | None:
        return self.held.get(key)

    async def put(self, key: Key, data: bytes, seconds: float) -> None:
        assert seconds == KEPT
        self.held[key] = data

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_replica_finds_what_another_has_recorded() -> None:
    shelf = Shelf()
    first, second = Replays(shelf), Replays(shelf)
    await keep(first)
    kept = await second.find(KEY, request())
    assert kept is not None
    assert (kept[0].delta, kept[-1].finished.replayed) == ("Hello", True)  # type: ignore[attr-defined]
    with pytest.raises(InvalidRequestError):
        await second.find(KEY, request("vision"))
    assert await second.find(("other", "chat", "r-1"), request()) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", msgspec.msgpack.encode({}), msgspec.msgpack.encode([b"d"]), msgspec.msgpack.encode([b"d", b"\xff"])],
)
async def test_a_recording_by_another_version_is_ignored(data: bytes) -> None:
    shelf = Shelf()
    shelf.held[KEY] = data
    assert await Replays(shelf).find(KEY, request()) is None


async def test_every_operation_is_found_again_as_what_it_was() -> None:
    for operation, kind in RESPONSES.items():
        last = kind()
        replayed(last)
        answer = unpacked(packed(Answer(b"d", (last,), 0, 0.0)), kind)
        assert answer is not None, operation
        assert type(answer.messages[0]) is kind


# --- sums and pages ------------------------------------------------------------------------------


def test_usage_is_grouped_by_what_the_caller_names() -> None:
    rows = [
        ((24, "bot", "t", "u1", "a/m", "chat"), Sums(requests=1, prompt_tokens=5, questions=0)),
        ((24, "bot", "t", "u1", "b/n", "chat"), Sums(requests=1, prompt_tokens=3, questions=1)),
        ((50, "bot", "t", "u2", "a/m", "image"), Sums(requests=4, prompt_tokens=1, questions=4)),
    ]
    by_user = grouped(rows, [Dimension.USER])
    assert [(group.user, sums.requests, sums.prompt_tokens) for group, sums in by_user] == [("u2", 4, 1), ("u1", 1, 8)]
    by_day = grouped(rows, [Dimension.DAY, Dimension.DEPLOYMENT])
    assert {group.day for group, _ in by_day} == {24 * HOUR, 48 * HOUR}
    assert grouped(rows, [Dimension.MODEL, Dimension.CALLER])[0][0] == Group(caller="bot", model="image")


def test_pages_hold_every_row_once_and_belong_to_their_request() -> None:
    rows, seen, token = list(range(25)), [], ""
    while True:
        page, token = page_of(rows, 10, token, b"request")
        seen += page
        if not token:
            break
    assert seen == rows
    _, token = page_of(rows, 10, "", b"request")
    for wrong in ("nonsense", "AAAA", token[:-4]):
        with pytest.raises(WrongPageError):
            page_of(rows, 10, wrong, b"request")
    with pytest.raises(WrongPageError):
        page_of(rows, 10, token, b"another")


def test_a_sum_of_costs_says_what_is_missing() -> None:
    paid = UsageRecord("a/m", Usage(10, 5, cached_tokens=4), cost=Cost(70, "USD", "2026-09-02"))
    free = UsageRecord("b/n", Usage(1, 1), estimated=True)
    other = UsageRecord("c/o", Usage(1, 1), cost=Cost(9, "EUR", "2026-09-01"))
    assert total([paid]).cost == Cost(70, "USD", "2026-09-02")
    assert total([paid, paid, free]).cost == Cost(140, "USD", "2026-09-02", incomplete=True)
    assert total([paid, other]).cost == Cost(70, "USD", "2026-09-02", incomplete=True)
    assert total([free]).cost is None
    assert (total([paid, free]).usage.prompt_tokens, total([paid, free]).estimated) == (11, True)


def test_a_request_is_one_question_however_many_deployments_took_part() -> None:
    sums = sums_of([UsageRecord("a/m", Usage(1, 1)), UsageRecord("b/n", Usage(1, 1)), UsageRecord("b/n", Usage(1, 1))])
    assert [(name, one.requests, one.questions) for name, one in sums.items()] == [("a/m", 1, 0), ("b/n", 1, 1)]
