"""The Image stream keeps the grammar of the contract, also with several pictures, calls and handovers: a state machine."""

import random
from typing import Any

from antiphon.v1 import image_pb2
from inference_service.api.image import responses
from inference_service.domain import (
    CheckedPicture,
    Finished,
    FinishReason,
    Handover,
    Notice,
    NoticeKind,
    Preview,
    Progress,
    Started,
    Usage,
    UsageRecord,
)


class Grammar:
    """started, (progress | preview | notice | handover | picture)*, usage*, finished; a picture is a header and its chunks."""

    def __init__(self) -> None:
        self.state = "before"
        self.missing = 0
        self.index = -1

    def see(self, response: image_pb2.ImageResponse) -> None:
        kind = response.WhichOneof("event")
        if self.missing:
            assert kind == "chunk", f"{kind} within a picture"
        match kind:
            case "started":
                assert self.state == "before"
                self.state = "drawing"
            case "progress" | "preview" | "notice" | "handover":
                assert self.state == "drawing"
            case "image":
                assert self.state == "drawing"
                assert response.image.index > self.index
                self.index, self.missing = response.image.index, response.image.total_bytes
            case "chunk":
                assert 0 < len(response.chunk) <= min(self.missing, 262_144)
                self.missing -= len(response.chunk)
            case "usage":
                assert self.state in ("drawing", "counting")
                self.state = "counting"
            case "finished":
                assert self.state in ("drawing", "counting")
                assert response.finished.images == self.index + 1
                self.state = "over"


def drawing(chance: random.Random) -> list[Any]:
    """Events as routing gives them for one to four pictures."""
    events: list[Any] = [Started("a/m", 1)]
    beside = [
        Progress("generating", 0.5), Preview(0, "image/png", b"x"), Notice(NoticeKind.INFO, "", "hm"),
        Handover("a/m", "b/n", "stalled", 0, 2),
    ]  # fmt: skip
    for index in range(chance.randint(1, 4)):
        events += chance.choices(beside, k=chance.randint(0, 3))
        size = chance.choice([1, 1_000, 262_144, 262_145, 700_000])
        events.append(CheckedPicture(index, bytes(size), "image/png", 64, 64))
    used = (UsageRecord("b/n", Usage(images=index + 1)),) if chance.random() < 0.7 else ()
    return [*events, *used, Finished(FinishReason.STOP, "b/n", 0, 1.0, 2, used=used)]


def test_every_stream_of_pictures_keeps_the_grammar() -> None:
    chance = random.Random(3)
    for _ in range(200):
        grammar, pictures = Grammar(), 0
        for event in drawing(chance):
            pictures += isinstance(event, CheckedPicture)
            for response in responses(event, "r", pictures):
                grammar.see(response)
        assert grammar.state == "over"
        assert not grammar.missing
