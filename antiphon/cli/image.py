"""`antiphon image`: a picture into a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from antiphon import events
from antiphon.cli.chat import describe, picture
from antiphon.cli.output import UsageProblem, client, complaints, console, line

Format = Literal["png", "jpeg", "webp"]
FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


@dataclass(frozen=True)
class Asked:
    prompt: str
    output: Path
    model: str = "image"
    size: tuple[int, int] | None = None
    aspect: tuple[int, int] | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    negative: str = ""
    count: int = 1
    input_image: Path | None = None
    timeout: float | None = None
    as_json: bool = False


def pair(text: str, sign: str, option: str) -> tuple[int, int] | None:
    """ "1024x768" → (1024, 768). Exits with 2 on anything else."""
    if not text:
        return None
    first, _, second = text.partition(sign)
    if not (first.isdigit() and second.isdigit()):
        import typer

        raise typer.BadParameter(f"{text!r} is not like {'1024x768' if sign == 'x' else '16:9'}", param_hint=option)
    return int(first), int(second)


async def image(asked: Asked, target: str | None) -> None:
    """Raises AntiphonError, UsageProblem or OSError."""
    chosen = _check(asked)
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
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=complaints, transient=True, disable=asked.as_json) as bars:
            bar = bars.add_task("waiting", total=None)
            async for event in stream:
                if asked.as_json:
                    line(event)
                match event:
                    case events.Progress():
                        known = event.fraction is not None
                        bars.update(
                            bar,
                            description=describe(event),
                            total=1.0 if known else None,
                            completed=event.fraction or 0,
                        )
                    case events.Handover():
                        bars.update(bar, description=f"↻ {event.to_deployment}", total=None, completed=0)
                    case events.Notice() if not asked.as_json:
                        bars.console.print(event.message, style="dim", markup=False)
                    case events.Picture():
                        path = _path(asked, event.index)
                        path.write_bytes(event.data)
                        if not asked.as_json:
                            seed = f", seed {event.seed}" if event.seed is not None else ""
                            console.print(f"{path} ({event.width}x{event.height}{seed})", markup=False)
                    case _:
                        pass


def _check(asked: Asked) -> Format:
    """The format that the file's ending names, before anything is asked. Raises UsageProblem."""
    if asked.size and asked.aspect:
        raise UsageProblem("give --size or --aspect, not both")
    if asked.output.suffix.lower() not in FORMATS:
        raise UsageProblem(f"{asked.output}: the ending must be one of {', '.join(FORMATS)}")
    if not asked.output.parent.is_dir():
        raise UsageProblem(f"{asked.output.parent}: there is no such folder")
    return FORMATS[asked.output.suffix.lower()]


def _path(asked: Asked, index: int) -> Path:
    return asked.output if asked.count == 1 else asked.output.with_stem(f"{asked.output.stem}-{index + 1}")
