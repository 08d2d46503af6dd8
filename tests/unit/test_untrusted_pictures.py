"""Pictures from strangers: whatever the bytes are, there is a clean picture or a clear refusal, and nothing else."""

import asyncio
import io
import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from antiphon.config.model import Images
from antiphon.repainting import UNBOUNDED, repaint
from inference_service.domain import ImageFormat, ImagePart, ImageRequest, Picture
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures import decoding
from inference_service.pictures.normalise import dimensions, normalise, preview, problem, sniff, without_gif
from inference_service.pictures.strip import stripped
from tests.support import pictures
from tests.support.pictures import CANARY

SMALL = Images(max_pixels=100_000)
FILES = {**pictures.with_metadata(), **pictures.plain_files(), **pictures.with_broken_metadata()}
NAMES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the child process does, without the process: thousands of files, and what it makes of them is the same."""
    monkeypatch.setattr(decoding, "repainted", lambda data, kind, most, side=UNBOUNDED: repaint(data, kind, most, side))


def request(wanted: ImageFormat | None = None, max_bytes: int | None = None) -> ImageRequest:
    return ImageRequest("id", "image", "a fox", format=wanted, max_bytes=max_bytes)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(data: bytes) -> bytes:
    return opened(data).convert("RGBA").tobytes()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of any kind, cut, overwritten or stretched in a few places."""
    data = bytearray(FILES[draw(st.sampled_from(sorted(FILES)))])
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(("set", "cut", "drop", "insert"))):
            case "set":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del data[at:]
            case "drop":
                del data[at : at + draw(st.integers(1, 20))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=12))
    return bytes(data)


@settings(max_examples=300, deadline=None)
@given(data=st.one_of(st.binary(max_size=200), damaged()), wanted=st.sampled_from((None, *ImageFormat)))
@example(data=b"", wanted=None)
@example(data=b"<svg xmlns='http://www.w3.org/2000/svg'/>", wanted=None)
@example(data=b"MZ\x90\0" + b"\0" * 60 + b"PE\0\0", wanted=ImageFormat.PNG)
def test_any_bytes_end_in_a_clean_picture_or_in_the_provider_s_fault(data: bytes, wanted: ImageFormat | None) -> None:
    async def check() -> None:
        try:
            checked, _ = await normalise(Picture(0, data), request(wanted), SMALL)
        except UpstreamFailure as failure:
            assert failure.kind is FailureKind.BAD_IMAGE
        else:
            image = opened(checked.data)
            assert (image.format, image.size) == (NAMES[checked.mime], (checked.width, checked.height))
            assert image.width * image.height <= SMALL.max_pixels
            assert CANARY not in checked.data
        shown = await preview(data, 3, SMALL)
        assert shown is None or (opened(shown.data).format, shown.mime, shown.index) == ("JPEG", "image/jpeg", 3)
        mime = sniff(data)
        if mime is not None and await problem(ImagePart(mime, data), SMALL.max_pixels) is None:
            assert await dimensions(data) is not None
            assert (await without_gif(ImagePart(mime, data), SMALL)).mime != "image/gif"

    asyncio.run(check())


@pytest.mark.parametrize("name", sorted(pictures.with_metadata()))
@pytest.mark.parametrize("wanted", [None, *ImageFormat])
async def test_nothing_but_pixels_is_left_of_a_file(name: str, wanted: ImageFormat | None) -> None:
    data = pictures.with_metadata()[name]
    checked, notices = await normalise(Picture(0, data), request(wanted), Images())
    image = opened(checked.data)
    assert (CANARY in checked.data, notices) == (False, [])
    assert not set(image.info) & {"exif", "icc_profile", "comment", "xmp", "parameters", "photoshop"}
    turned = "turned" in name
    assert image.size == ((32, 48) if turned else (48, 32))


@pytest.mark.parametrize("name", sorted(pictures.with_broken_metadata()))
async def test_broken_metadata_costs_a_picture_nothing_or_is_the_provider_s_fault(name: str) -> None:
    data = pictures.with_broken_metadata()[name]
    try:
        checked, _ = await normalise(Picture(0, data), request(), Images())
    except UpstreamFailure as failure:
        assert failure.kind is FailureKind.BAD_IMAGE
    else:
        assert opened(checked.data).size == (48, 32)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "L", {}),
        ("PNG", "P", {}),
        ("JPEG", "RGB", {"quality": 60}),
        ("JPEG", "RGB", {"quality": 60, "progressive": True}),
        ("JPEG", "L", {}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGBA", {"lossless": True}),
    ],
)
async def test_a_picture_that_is_right_already_keeps_its_compressed_pixels(
    kind: str, mode: str, options: dict[str, object]
) -> None:
    clean = pictures.encoded(kind, mode, **options)
    assert (await normalise(Picture(0, clean), request(), Images()))[0].data == clean
    described = pictures.encoded(kind, mode, exif=pictures.exif(), **options)
    assert CANARY in described
    kept = (await normalise(Picture(0, described), request(), Images()))[0].data
    assert CANARY not in kept
    assert pixels(kept) == pixels(clean)
    assert stripped(clean, kind) == clean


async def test_a_picture_is_turned_upright_and_its_colours_survive() -> None:
    upright = opened((await normalise(Picture(0, pictures.encoded("PNG")), request(), Images()))[0].data)
    for turn, back in (
        (3, Image.Transpose.ROTATE_180),
        (6, Image.Transpose.ROTATE_90),
        (8, Image.Transpose.ROTATE_270),
    ):
        out = io.BytesIO()
        upright.transpose(back).save(out, "PNG", exif=pictures.exif(turn))
        checked, _ = await normalise(Picture(0, out.getvalue()), request(), Images())
        assert pixels(checked.data) == upright.convert("RGBA").tobytes()
    for name in ("tiff LAB", "tiff CMYK", "jpeg CMYK", "png P", "bmp"):
        image = opened((await normalise(Picture(0, FILES[name]), request(ImageFormat.PNG), Images()))[0].data)
        red, green, blue = image.convert("RGB").getpixel((4, 4))
        assert (red > 150, green < 90, blue < 90) == (True, True, True), name


async def test_sixteen_bits_of_grey_become_eight() -> None:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("I").point(lambda value: value * 257).convert("I;16").save(out, "PNG")
    checked, _ = await normalise(Picture(0, out.getvalue()), request(), Images())
    shades = opened(checked.data).convert("L")
    assert [shades.getpixel((0, row)) for row in (0, 128, 255)] == [0, 128, 255]


async def test_a_preview_is_small_flat_and_without_metadata() -> None:
    noise = io.BytesIO()
    Image.effect_noise((2000, 1000), 100).convert("RGBA").save(noise, "PNG", compress_level=1)
    shown = await preview(noise.getvalue())
    assert shown is not None
    assert len(shown.data) <= 256 * 1024
    assert opened(shown.data).size == (768, 384)
    described = await preview(pictures.with_metadata()["jpeg turned"], 2)
    assert described is not None
    assert (CANARY in described.data, opened(described.data).size) == (False, (32, 48))


async def test_the_bounds_are_those_of_the_configuration() -> None:
    data = pictures.encoded("PNG", size=(100, 50))
    for limits, reason in ((Images(max_pixels=4_999), "at most 4999"), (Images(max_bytes=65_536), "larger than 65536")):
        given = data if limits.max_pixels < 5_000 else data + bytes(65_536)
        with pytest.raises(UpstreamFailure, match=reason):
            await normalise(Picture(0, given), request(), limits)
        assert await preview(given, 0, limits) is None
    assert "at most 4,999" in str(await problem(ImagePart("image/png", data), 4_999))
    assert await problem(ImagePart("image/png", data), 5_000) is None


async def test_a_jpeg_of_endless_passes_is_refused_before_it_is_decoded() -> None:
    data = pictures.encoded("JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    heavy = data[:scan] + data[scan:-2] * 200 + data[-2:]
    with pytest.raises(UpstreamFailure, match="more than 100 scans"):
        await normalise(Picture(0, heavy), request(), Images())


async def test_a_damaged_gif_is_its_caller_s_to_know() -> None:
    good = pictures.encoded("GIF", "P")
    assert opened((await without_gif(ImagePart("image/gif", good))).data).size == (48, 32)
    bad = good[: len(good) // 2]
    assert await problem(ImagePart("image/gif", bad), 1_000_000) == "is damaged"
    with pytest.raises(UpstreamFailure) as caught:
        await without_gif(ImagePart("image/gif", bad))
    assert caught.value.kind is FailureKind.BAD_REQUEST


async def test_pictures_that_do_not_fit_into_memory_together_are_decoded_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each takes the whole room: no second one comes in while the first is there, and all of them get done."""
    side, inside, together = 64, threading.Condition(), 0
    most = 0
    monkeypatch.setattr(decoding, "_ROOM", decoding._Room(side * side))

    def plain(image: Image.Image, *, flat: bool) -> Image.Image:
        nonlocal together, most
        with inside:
            together += 1
            most = max(most, together)
            inside.notify_all()
            inside.wait_for(lambda: together > 1, timeout=0.1)
            together -= 1
        return image.convert("RGB")

    monkeypatch.setattr("inference_service.pictures.normalise.plain", plain)
    jobs = [normalise(Picture(n, pictures.bomb(side)), request(ImageFormat.WEBP), Images()) for n in range(5)]
    done = await asyncio.gather(*jobs)
    assert ([checked.index for checked, _ in done], most) == (list(range(5)), 1)
