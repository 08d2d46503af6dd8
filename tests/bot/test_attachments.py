"""What people attach is read, and what cannot be is told. Files come through the library from a real address."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import discord
import pytest
from discord.http import Route
from PIL import Image

from discord_bot.conversation.attachments import LARGEST, LONGEST_TEXT, MOST_FILES, MOST_PAGES, Read, read
from tests.fakes.discord.model import File
from tests.fakes.discord.server import FakeDiscord
from tests.support.pdf import pdf

Reader = Callable[..., Awaitable[Read]]


def picture(kind: str = "PNG", size: tuple[int, int] = (32, 20), mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 90).save(out, kind)
    return out.getvalue()


@pytest.fixture
async def reader(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reader]:
    async with FakeDiscord() as world:
        monkeypatch.setattr(Route, "BASE", world.api_url)
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(world.token)

            async def ask(*files: tuple[str, bytes], gone: bool = False, size: int | None = None) -> Read:
                given: list[discord.Attachment] = []
                for name, content in files:
                    kept = world.attach(File(name, content))
                    data: Any = {
                        "id": str(kept.id),
                        "filename": name,
                        "size": size or len(content),
                        "url": kept.url,
                        "proxy_url": kept.url,
                    }
                    if gone:
                        del world.files[str(kept.id)]
                    given.append(discord.Attachment(data=data, state=client._connection))
                return await read(given, "en")

            yield ask


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp"), ("GIF", "gif")])
async def test_pictures_are_known_by_what_they_are_and_not_by_their_names(reader: Reader, kind: str, mime: str) -> None:
    data = picture(kind)
    found = await reader(("notes.txt", data))
    assert found.images == [(f"image/{mime}", data)]
    assert not found.notices


async def test_a_large_picture_is_made_smaller(reader: Reader) -> None:
    found = await reader(("wide.png", picture(size=(5000, 1000))))
    ((mime, data),) = found.images
    with Image.open(io.BytesIO(data)) as image:
        assert (mime, image.size) == ("image/jpeg", (2048, 410))


async def test_a_picture_of_another_format_is_turned_into_one_that_models_take(reader: Reader) -> None:
    found = await reader(("scan.tiff", picture("TIFF")), ("old.bmp", picture("BMP")))
    assert [mime for mime, _ in found.images if mime == "image/jpeg"] or found.notices


async def test_a_broken_picture_is_reported(reader: Reader) -> None:
    found = await reader(("fox.png", picture()[:40]))
    assert not found.images
    assert "fox.png" in found.notices[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
async def test_text_is_read_in_any_usual_encoding(reader: Reader, encoding: str) -> None:
    found = await reader(("notes.py", "print('Лиса в снегу')".encode(encoding)))
    assert found.texts == ["[notes.py]\nprint('Лиса в снегу')\n[/notes.py]"]


async def test_long_text_is_shortened_with_a_notice(reader: Reader) -> None:
    found = await reader(("log.txt", b"a line of it\n" * LONGEST_TEXT))
    assert len(found.texts[0]) < LONGEST_TEXT + 100
    assert "log.txt" in found.notices[0]


async def test_the_text_of_a_pdf_is_read_page_by_page(reader: Reader) -> None:
    found = await reader(("paper.pdf", pdf("About foxes", "About snow")))
    assert found.texts == ["[paper.pdf]\nAbout foxes\n\nAbout snow\n[/paper.pdf]"]
    assert not found.notices


async def test_a_pdf_of_many_pages_is_read_in_part_with_a_notice(reader: Reader) -> None:
    found = await reader(("book.pdf", pdf(*(f"Page {number}." for number in range(MOST_PAGES + 5)))))
    assert f"Page {MOST_PAGES - 1}." in found.texts[0]
    assert f"Page {MOST_PAGES}." not in found.texts[0]
    assert str(MOST_PAGES + 5) in found.notices[0]


@pytest.mark.parametrize(
    "data", [b"%PDF-1.4 and then nonsense", pdf(""), bytes(range(256)) * 40, b"", b"   \n", b"PK\x03\x04\0\0\0\0zip"]
)
async def test_an_unreadable_file_is_reported(reader: Reader, data: bytes) -> None:
    found = await reader(("thing.bin", data))
    assert (found.images, found.texts) == ([], [])
    (notice,) = found.notices
    assert "thing.bin" in notice
    assert "can't read" in notice or "no readable text" in notice


async def test_a_file_that_is_gone_meanwhile_is_reported(reader: Reader) -> None:
    found = await reader(("fox.txt", b"fox"), gone=True)
    assert found.notices == ["I can't read fox.txt, so I left it out."]


async def test_too_large_and_too_many_files_are_reported_and_the_rest_is_read(reader: Reader) -> None:
    found = await reader(("huge.txt", b"fox"), size=LARGEST + 1)
    assert found.notices == ["huge.txt is larger than 20 MB, so I left it out."]
    found = await reader(*((f"{number}.txt", b"fox") for number in range(MOST_FILES + 2)))
    assert len(found.texts) == MOST_FILES
    assert found.notices == ["You attached too much, so I left out 2 files."]


async def test_a_name_like_a_path_is_only_a_name(reader: Reader) -> None:
    found = await reader(("..%2f..\\..\\etc\\pass[wd].txt", b"fox"))
    assert found.texts == ["[pass_wd_.txt]\nfox\n[/pass_wd_.txt]"]
