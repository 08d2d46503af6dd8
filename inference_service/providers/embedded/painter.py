"""Paints for the offline demo: the same prompt, seed and size always give the same picture."""

import colorsys
import hashlib
import io
import math
import random

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

LABEL = "offline demo"


def seed_from(prompt: str, index: int) -> int:
    """A seed derived from the prompt, so that the same question gives the same picture."""
    return int.from_bytes(hashlib.sha256(f"{index}:{prompt}".encode()).digest()[:4])


def paint(prompt: str, seed: int, size: tuple[int, int], done: float, beginning: bytes | None = None) -> bytes:
    """A PNG of hills under a sky, coloured by the prompt. `done`, 0 to 1: progress; below 1 the picture is blurred.

    `beginning`: a validated picture that replaces the sky.
    """
    chance = random.Random(hashlib.sha256(f"{seed}:{prompt}".encode()).digest())
    width, height = size
    hue = chance.random()
    image = _sky(size, hue, chance) if beginning is None else _fitted(beginning, size)
    draw = ImageDraw.Draw(image, "RGBA")
    if beginning is None:
        _light(draw, size, hue, chance)
    layers = 5
    for layer in range(layers):
        if layer / layers > done:
            break
        _hill(draw, size, hue, layer / (layers - 1), chance)
    if done < 1:
        image = image.filter(ImageFilter.GaussianBlur(max(size) * 0.02 * (1 - done) + 1))
    else:
        _label(ImageDraw.Draw(image, "RGBA"), width, height)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _fitted(picture: bytes, size: tuple[int, int]) -> Image.Image:
    with Image.open(io.BytesIO(picture)) as opened:
        return ImageOps.fit(opened.convert("RGB"), size)


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _sky(size: tuple[int, int], hue: float, chance: random.Random) -> Image.Image:
    ramp = Image.linear_gradient("L").resize(size)
    top, bottom = _colour(hue, 0.65, 0.35), _colour(hue + 0.08 + chance.random() * 0.1, 0.45, 0.98)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)


def _light(draw: ImageDraw.ImageDraw, size: tuple[int, int], hue: float, chance: random.Random) -> None:
    width, height = size
    x, y = width * chance.uniform(0.2, 0.8), height * chance.uniform(0.15, 0.45)
    radius = min(size) * chance.uniform(0.06, 0.13)
    for ring in range(12, 0, -1):
        reach = radius * (1 + ring * 0.22)
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(*_colour(hue + 0.12, 0.25, 1.0), 12))
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*_colour(hue + 0.12, 0.12, 1.0), 240))
    for _ in range(60):
        sx, sy, dot = width * chance.random(), height * 0.5 * chance.random(), max(1, min(size) // 400)
        draw.ellipse((sx, sy, sx + dot, sy + dot), fill=(255, 255, 255, chance.randint(40, 160)))


def _hill(draw: ImageDraw.ImageDraw, size: tuple[int, int], hue: float, near: float, chance: random.Random) -> None:
    width, height = size
    base = height * (0.5 + 0.42 * near)
    waves = [
        (chance.uniform(0.6, 3.2), chance.uniform(0, math.tau), chance.uniform(0.02, 0.06) * height) for _ in range(3)
    ]
    step = max(1, width // 256)
    line = [
        (x, base + sum(math.sin(x / width * math.tau * pace + phase) * tall for pace, phase, tall in waves))
        for x in range(0, width + step, step)
    ]
    draw.polygon(
        [(0, height), *line, (width, height)],
        fill=_colour(hue + 0.45 + near * 0.08, 0.35 + near * 0.3, 0.75 - near * 0.55),
    )


def _label(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    font = ImageFont.load_default(max(9, min(width, height) // 32))
    left, top, right, bottom = draw.textbbox((0, 0), LABEL, font=font)
    margin = max(3, min(width, height) // 64)
    x, y = width - (right - left) - 2 * margin, height - (bottom - top) - 3 * margin
    draw.rounded_rectangle((x - margin, y - margin / 2, width - margin, height - margin), margin, fill=(0, 0, 0, 110))
    draw.text((x, y - margin / 4), LABEL, font=font, fill=(255, 255, 255, 230))
