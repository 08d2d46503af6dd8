"""Rare and large pictures are decoded in a child process: bounded in time and memory, whatever the bytes are."""

import io
import os
import struct

import pytest
from PIL import Image

from antiphon import repainting
from antiphon.isolated import run_isolated
from antiphon.repainting import RARE, UNBOUNDED, End, repaint, repainted
from discord_bot.conversation import attachments
from tests.support import pictures


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("kind", ["AVIF", "TIFF", "BMP"])
def test_a_rare_format_becomes_a_plain_one_in_a_process_of_its_own(kind: str) -> None:
    data = pictures.encoded(kind)
    assert RARE.match(data)
    end, painted = repainted(data, "PNG", 1_000_000)
    assert end is End.DONE
    assert (opened(painted).format, opened(painted).size) == ("PNG", opened(data).size)


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (pictures.encoded("AVIF", size=(100, 50)), End.LARGE),
        (pictures.encoded("AVIF")[:60] + b"\xff" * 400, End.UNKNOWN),
        (pictures.encoded("BMP")[:100], End.DAMAGED),
        (b"\0\0\0\x18ftypheic" + bytes(400), End.UNKNOWN),
        (b"", End.UNKNOWN),
        (b"II*\0" + struct.pack("<I", 8) + b"\xff" * 400, End.DAMAGED),
    ],
)
def test_an_unreadable_picture_is_reported(data: bytes, end: End) -> None:
    assert repaint(data, "PNG", 4_999, UNBOUNDED) == (end, b"")


def test_a_child_beyond_its_time_or_memory_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repainting, "LONGEST", 0.01)
    assert repainted(pictures.encoded("AVIF"), "PNG", 1_000_000) == (End.LATE, b"")
    ran = run_isolated("tests.support.greedy", (), b"", 60)
    assert (ran.failed, ran.late) == (True, False), "it wanted four gigabytes"


def test_the_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "canary")
    assert "GROQ_API_KEY" in os.environ
    ran = run_isolated("tests.support.surroundings", (), b"", 60)
    assert b"PATH" in ran.output
    assert b"canary" not in ran.output


def test_a_progressive_jpeg_of_endless_passes_costs_the_bot_nothing() -> None:
    data = pictures.encoded("JPEG", size=(3_000, 100), progressive=True)
    scan = data.rindex(b"\xff\xda")
    heavy = data[:scan] + data[scan:-2] * 200 + data[-2:]
    assert attachments.shrink(heavy) is None
    shrunk = attachments.shrink(data)
    assert shrunk is not None
    assert (shrunk[0], opened(shrunk[1]).width) == ("image/jpeg", attachments.LARGEST_SIDE)


def test_transparent_parts_become_white_and_metadata_is_gone() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(out, "PNG", pnginfo=None)
    end, painted = repaint(out.getvalue(), "JPEG", 100, 100)
    assert end is End.DONE
    assert opened(painted).getpixel((0, 0)) == (255, 255, 255)
    for name, data in pictures.with_metadata().items():
        end, painted = repaint(data, "PNG", 1_000_000, UNBOUNDED)
        assert end is End.DONE, name
        assert pictures.CANARY not in painted, name
