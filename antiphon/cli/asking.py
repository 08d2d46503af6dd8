"""The options of `antiphon chat` and `antiphon image`."""

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.common import Json, Target, run

Model = typer.Option("--model", "-m", help="A model that `antiphon models` lists.")


def chat(
    prompt: Annotated[
        list[str] | None, typer.Argument(help="The question. Without one, a terminal opens a conversation.")
    ] = None,
    model: Annotated[str, Model] = "",
    system: Annotated[str, typer.Option("--system", "-s", help="Instructions for the whole conversation.")] = "",
    persona: Annotated[str, typer.Option("--persona", help="A persona from the configuration.")] = "",
    image: Annotated[
        list[Path] | None, typer.Option("--image", "-i", help="A picture to look at. Can be repeated.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", help="A text file, a picture or a web address to read. Can be repeated."),
    ] = None,
    resume: Annotated[bool, typer.Option("--continue", "-c", help="Continue the last conversation.")] = False,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="0 always picks the likeliest word; up to 2.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the likeliest words to pick from.")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, max=1_000, help="Number of the likeliest words to pick from.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer, in tokens.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same answer, as far as the model can.")] = None,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Also show the model's reasoning, in grey.")] = False,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds for the whole answer.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Show the text as the model wrote it, without formatting.")
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Store nothing: no conversation for --continue, no prompt history.")
    ] = False,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Ask a question and see the answer as it is written. Reads standard input too: git diff | antiphon chat "Review this"."""
    from antiphon.cli import chat as work
    from antiphon.events import Sampling

    options = work.ChatOptions(
        prompt=" ".join(prompt or []),
        model=model,
        system=system,
        persona=persona,
        images=tuple(image or ()),
        files=tuple(file or ()),
        resume=resume,
        sampling=Sampling(temperature=temperature, top_p=top_p, top_k=top_k, max_tokens=max_tokens, seed=seed),
        reasoning=reasoning,
        timeout=timeout,
        raw=raw,
        private=private,
        as_json=as_json,
    )
    raise typer.Exit(work.chat(options, target))


def image(
    prompt: Annotated[list[str], typer.Argument(help="What to draw.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file; its suffix sets the format. Several become fox-1.png, fox-2.png … In a folder, or without "
            "this option, the name counts up.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    model: Annotated[str, Model] = "image",
    size: Annotated[str, typer.Option(help="Exact size, such as 1024x768.")] = "",
    aspect: Annotated[str, typer.Option(help="Aspect ratio, such as 16:9.")] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same picture.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, max=150, help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(min=0, max=50, help="How closely to follow the prompt.")] = None,
    negative: Annotated[str, typer.Option(help="What not to draw.")] = "",
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=4, help="Number of pictures.")] = 1,
    file_format: Annotated[str, typer.Option("--format", help="png, jpeg or webp, if there is no suffix.")] = "",
    input_image: Annotated[Path | None, typer.Option("--input", help="A picture to start from.")] = None,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds for all pictures.")] = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Draw a picture into a file, with a progress bar."""
    from antiphon.cli import image as work

    options = work.ImageOptions(
        prompt=" ".join(prompt),
        output=output,
        force=force,
        model=model,
        size=work.pair(size, "x", "--size"),
        aspect=work.pair(aspect, ":", "--aspect"),
        seed=seed,
        steps=steps,
        guidance=guidance,
        negative=negative,
        count=count,
        format=file_format,
        input_image=input_image,
        timeout=timeout,
        as_json=as_json,
    )
    run(work.image(options, target), as_json=as_json)
