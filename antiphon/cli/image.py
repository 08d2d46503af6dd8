"""`antiphon image`: a picture into a file."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from antiphon import errors, events
from antiphon.cli.chat import describe, picture
from antiphon.cli.output import UsageProblem, client, complaints, console, line, plain
from antiphon.streams import ImageStream

Format = Literal["png", "jpeg", "webp"]
FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
NAMES: dict[str, Format] = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp"}


@dataclass(frozen=True)
class Asked:
    prompt: str
    output: Path | None = None
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
        raise typer.BadParameter(f"{text!r} is not like {'1024x768' if sign == 'x' else '16:9'}", param_hint=option)
    return int(first), int(second)


async def image(asked: Asked, target: str | None) -> None:
    """Raises AntiphonError, ConfigError, UsageProblem or OSError."""
    path, chosen = where(asked)
    start_from = picture(asked.input_image) if asked.input_image else None
    async with client(target) as service:
        stream = service.image(
            asked.prompt,
            asked.model,
            negative_prompt=asked.negative,
            size=asked.size,
            aspect_ratio=asked.aspect,
            seed=asked.seed,
            steps=asked.steps,
            guidance_scale=asked.guidance,
            count=asked.count,
            format=chosen,
            input_image=start_from,
            timeout=asked.timeout,
        )
        await _draw(stream, path, asked)
    if not stream.pictures:
        raise errors.Unavailable("the provider sent no picture", request_id=stream.request_id)


def where(asked: Asked) -> tuple[Path, Format]:
    """The file and its format, checked before anything is asked. Raises UsageProblem."""
    if asked.size and asked.aspect:
        raise UsageProblem("give --size or --aspect, not both")
    if asked.format and asked.format not in NAMES:
        raise UsageProblem(f"--format {asked.format}: png, jpeg or webp")
    wanted = NAMES[asked.format] if asked.format else None
    path = asked.output or Path(f"image.{wanted or 'png'}")
    named = FORMATS.get(path.suffix.lower())
    if named is None and wanted is None:
        raise UsageProblem(f"{path}: the ending must be one of {', '.join(FORMATS)}, or say --format")
    if named and wanted and named != wanted:
        raise UsageProblem(f"{path}: the ending says {named}, --format says {wanted}")
    if not path.parent.is_dir():
        raise UsageProblem(f"{path.parent}: there is no such folder")
    if path.is_dir():
        raise UsageProblem(f"{path}: this is a folder, not a file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageProblem(f"{path}: this may not be written")
    return path, named or wanted or "png"


async def _draw(stream: ImageStream, path: Path, asked: Asked) -> None:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=complaints, transient=True, disable=asked.as_json) as bars:
        bar = bars.add_task("waiting", total=None)
        async for event in stream:
            if asked.as_json:
                line(event)
            _move(bars, bar, event, quiet=asked.as_json)
            if isinstance(event, events.Picture):
                file = path if asked.count == 1 else path.with_stem(f"{path.stem}-{event.index + 1}")
                file.write_bytes(event.data)
                if not asked.as_json:
                    seed = f", seed {event.seed}" if event.seed is not None else ""
                    console.print(f"{file} ({event.width}x{event.height}{seed})")


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
