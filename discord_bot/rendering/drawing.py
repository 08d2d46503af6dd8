"""Draws tables and formulas as PNG, in a separate process with a time limit: their text is untrusted.

As a program it reads plates from standard input and writes pictures to standard output, both as JSON.
"""

import asyncio
import base64
import io
import json
import sys
from collections.abc import Sequence
from typing import Any

import structlog

from discord_bot.rendering.plates import Plate

log = structlog.get_logger(__name__)
TIME = 20.0  # seconds
PAPER, INK, HEAD, LINE = "#ffffff", "#1e1f22", "#e3e5e8", "#c4c9ce"
SIZE, PADDING, WIDEST_CELL = 26, 14, 520  # pixels


async def draw(plates: Sequence[Plate]) -> list[bytes]:
    """The pictures of those that could be drawn."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "discord_bot.rendering.drawing",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIME):
            output, _ = await child.communicate(json.dumps([plate.sent() for plate in plates]).encode())
        return [base64.b64decode(picture) for picture in json.loads(output or b"[]")]
    except (TimeoutError, ValueError) as error:
        log.info("nothing could be drawn", error=type(error).__name__)
        return []
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def main() -> None:
    drawn = []
    for plate in json.load(sys.stdin):
        try:
            picture = _table(plate["rows"]) if plate["rows"] else _formula(plate["formula"])
        except ValueError:  # matplotlib does not know the formula either
            continue
        drawn.append(base64.b64encode(picture).decode())
    json.dump(drawn, sys.stdout)


def _formula(source: str) -> bytes:
    from matplotlib import mathtext  # noqa: PLC0415 - takes a second, and only this process needs it

    out = io.BytesIO()
    mathtext.math_to_image(f"${source}$", out, dpi=220, format="png")
    return out.getvalue()


def _table(rows: list[list[str]]) -> bytes:
    from PIL import Image, ImageDraw  # noqa: PLC0415

    fonts = _font("DejaVuSans.ttf"), _font("DejaVuSans-Bold.ttf")
    cells = [[_wrapped(cell, fonts[not number]) for cell in row] for number, row in enumerate(rows)]
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))

    def extent(text: str, head: bool) -> tuple[int, int]:
        _, _, right, bottom = ruler.multiline_textbbox((0, 0), text or " ", font=fonts[head], spacing=6)
        return int(right), int(bottom)

    widths = [
        max(extent(row[column], not number)[0] for number, row in enumerate(cells)) + 2 * PADDING
        for column in range(len(cells[0]))
    ]
    heights = [max(extent(cell, not number)[1] for cell in row) + 2 * PADDING for number, row in enumerate(cells)]
    image = Image.new("RGB", (sum(widths) + 1, sum(heights) + 1), PAPER)
    pen = ImageDraw.Draw(image)
    top = 0
    for number, (row, height) in enumerate(zip(cells, heights, strict=True)):
        left = 0
        for cell, width in zip(row, widths, strict=True):
            pen.rectangle((left, top, left + width, top + height), fill=PAPER if number else HEAD, outline=LINE)
            pen.multiline_text((left + PADDING, top + PADDING), cell, fill=INK, font=fonts[not number], spacing=6)
            left += width
        top += height
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _font(name: str) -> Any:
    from matplotlib import get_data_path  # noqa: PLC0415
    from PIL import ImageFont  # noqa: PLC0415

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/{name}", SIZE)


def _wrapped(text: str, font: Any) -> str:
    """In lines that are short enough for a column."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > WIDEST_CELL:
            lines.append(line)
            longer = word
        line = longer
    return "\n".join([*lines, line])


if __name__ == "__main__":
    main()
