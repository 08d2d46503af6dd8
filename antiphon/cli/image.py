"""`antiphon image`: draws pictures into files. A file that exists is never overwritten without `--force`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from antiphon import errors, events
from antiphon.cli.attachments import picture as read_picture
from antiphon.cli.chat import describe
from antiphon.cli.output import UsageProblem, client, complaints, console, line, plain
from antiphon.client import InferenceClient
from antiphon.streams import ImageStream

Format = Literal["png", "jpeg", "webp"]
FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
NAMES: dict[str, Format] = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp"}


@dataclass(frozen=True)
class ImageOptions:
    prompt: str
    output: Path | None = None
    force: bool = False
    model: str = "image"
    size: tuple[int, int] | None = None
    aspect: tuple[int, int] | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    negative: str = ""
    count: int = 1
    format: str = ""
    input_image: Path | None = None
    timeout: float | None = None
    as_json: bool = False


def pair(text: str, sign: str, option: str) -> tuple[int, int] | None:
    """ "1024x768" → (1024, 768). Raises BadParameter on anything else."""
    if not text:
        return None
    first, _, second = text.lower().partition(sign)
    if not (first.isdecimal() and second.isdecimal()):
        raise typer.BadParameter(f"{text!r} must look like {'1024x768' if sign == 'x' else '16:9'}", param_hint=option)
    return int(first), int(second)


async def image(options: ImageOptions, target: str | None) -> None:
    """Raises AntiphonError, ConfigError, UsageProblem or OSError."""
    destination(options)  # a wrong name is reported before anything connects
    async with client(target) as service:
        await draw(service, options)


async def draw(service: InferenceClient, options: ImageOptions) -> None:
    """Draws over an open connection. Raises AntiphonError, UsageProblem or OSError."""
    path, file_format = destination(options)
    start_from = read_picture(options.input_image) if options.input_image else None
    stream = service.image(
        options.prompt,
        options.model,
        negative_prompt=options.negative,
        size=options.size,
        aspect_ratio=options.aspect,
        seed=options.seed,
        steps=options.steps,
        guidance_scale=options.guidance,
        count=options.count,
        format=file_format,
        input_image=start_from,
        timeout=options.timeout,
    )
    await _receive(stream, path, options)
    if not stream.pictures:
        raise errors.Unavailable("the provider sent no picture", request_id=stream.request_id)


def destination(options: ImageOptions) -> tuple[Path, Format]:
    """The file and its format, checked before the request. Raises UsageProblem."""
    if options.size and options.aspect:
        raise UsageProblem("use --size or --aspect, not both")
    if options.format and options.format not in NAMES:
        raise UsageProblem(f"--format {options.format}: must be png, jpeg or webp")
    chosen = NAMES[options.format] if options.format else None
    path = options.output.expanduser() if options.output else Path()
    if path.is_dir():
        path = free_name(path / f"image.{chosen or 'png'}", options.count)
    by_suffix = FORMATS.get(path.suffix.lower())
    if by_suffix is None and chosen is None:
        raise UsageProblem(f"{path}: the suffix must be one of {', '.join(FORMATS)}, or set --format")
    if by_suffix and chosen and by_suffix != chosen:
        raise UsageProblem(f"{path}: the suffix says {by_suffix}, but --format says {chosen}")
    if not path.parent.is_dir():
        raise UsageProblem(f"{path.parent}: there is no such folder")
    if not os.access(path.parent, os.W_OK):
        raise UsageProblem(f"{path.parent}: no permission to write there")
    existing = [file for file in numbered(path, options.count) if file.exists()]
    if existing and not options.force:
        raise UsageProblem(f"{existing[0]} exists already. Choose another name, or overwrite it with --force")
    return path, by_suffix or chosen or "png"


def numbered(path: Path, count: int) -> list[Path]:
    """The files of `count` pictures: fox.png, or fox-1.png, fox-2.png …"""
    if count == 1:
        return [path]
    return [path.with_stem(f"{path.stem}-{number}") for number in range(1, count + 1)]


def free_name(path: Path, count: int = 1) -> Path:
    """The first name that overwrites nothing: image.png, image-2.png, image-3.png …"""
    number, candidate = 1, path
    while any(file.exists() for file in numbered(candidate, count)):
        number += 1
        candidate = path.with_stem(f"{path.stem}-{number}")
    return candidate


async def _receive(stream: ImageStream, path: Path, options: ImageOptions) -> None:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    files: list[str] = []  # printed at the end: a line beside a moving bar would be written over
    try:
        with Progress(*columns, console=complaints, transient=True, disable=options.as_json) as bars:
            bar = bars.add_task("waiting", total=None)
            async for event in stream:
                _move(bars, bar, event, quiet=options.as_json)
                if isinstance(event, events.Picture):
                    files += _write(event, path, options)
                elif options.as_json:
                    line(event)
    finally:
        for text in files:
            console.print(text)


def _write(picture: events.Picture, path: Path, options: ImageOptions) -> list[str]:
    """Writes one picture. Returns the line that reports it; with `--json` it is printed at once. Raises OSError."""
    file = path if options.count == 1 else path.with_stem(f"{path.stem}-{picture.index + 1}")
    with file.open("wb" if options.force else "xb") as target:
        target.write(picture.data)
    if options.as_json:
        line(picture, path=str(file.absolute()))
        return []
    seed = f", seed {picture.seed}" if picture.seed is not None else ""
    return [f"{file} ({picture.width}x{picture.height}{seed})"]


def _move(bars: Progress, bar: TaskID, event: events.ImageEvent, *, quiet: bool) -> None:
    match event:
        case events.Progress():
            total = None if event.fraction is None else 1.0
            bars.update(bar, description=describe(event), total=total, completed=event.fraction or 0)
        case events.Handover():
            bars.update(bar, description=f"↻ {event.to_deployment}", total=None, completed=0)
        case events.Notice() if not quiet:
            bars.console.print(plain(event.message), style="dim")
        case _:
            pass
