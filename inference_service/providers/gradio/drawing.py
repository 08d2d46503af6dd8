"""Pictures from a Space: the seed that is chosen, sent and reported, growing previews, and the recognition of pictures."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from inference_service.domain import Finish, FinishReason, ImageEvent, ImageRequest, Notice, Picture, Preview, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.normalise import sniff
from inference_service.providers.gradio import files, sessions
from inference_service.providers.gradio.app import Function
from inference_service.providers.gradio.arguments import Wanted, honoured, most_pictures, placed
from inference_service.providers.gradio.messages import Output
from inference_service.providers.gradio.queue import Line
from inference_service.providers.pictures.seeds import COMMON, seed_for
from inference_service.providers.pictures.style import dropped
from inference_service.providers.seam import ImageCall, LimitReport

if TYPE_CHECKING:
    from inference_service.providers.gradio.space import Space


async def image(space: "Space", call: ImageCall) -> AsyncGenerator[ImageEvent | LimitReport, None]:
    """Raises UpstreamFailure."""
    try:
        app, line = await space.reach(call.secret)
        function = app.find(space.function_name(call.model, chat=False))
        request = call.request
        for notice in dropped(request, honoured(function)):
            yield notice
        seed, changed = chosen_seed(request, function)
        for notice in changed:
            yield notice
        source = request.input_image
        if source is not None and not most_pictures(function):
            raise UpstreamFailure(
                FailureKind.UNSUPPORTED, "the Space does not accept a picture", capability="input_image"
            )
        pictures = () if source is None else (await files.picture_value(line, app, source),)
        wanted = Wanted(request.prompt, pictures, (), wishes(call, seed), request.strict)
        shown: files.File | None = None
        async with aclosing(space.ask(app, line, function, wanted, sessions.fresh())) as making:
            async for step in making:
                if not isinstance(step, Output):
                    yield step
                    continue
                results = files.pictures_in(step.values, function.outputs)
                if step.final:
                    reported = files.seed_in(step.values, function.outputs)
                    async with aclosing(
                        _deliver(line, results, call, seed if reported is None else reported)
                    ) as delivering:
                        async for event in delivering:
                            yield event
                elif results and results[0] != shown:
                    shown = results[0]
                    data = await files.fetch(line, shown)
                    yield Preview(call.first_index, sniff(data) or "image/webp", data)
    except UpstreamFailure as failure:
        raise space.forget_login(call.secret, failure) from failure.__cause__
    yield Finish(FinishReason.STOP)


async def _deliver(
    line: Line, pictures: list[files.File], call: ImageCall, seed: int | None
) -> AsyncGenerator[ImageEvent, None]:
    """Pictures with the usage after each; one that cannot be fetched fails alone."""
    if not pictures:
        raise UpstreamFailure(FailureKind.BAD_RESPONSE, "the Space ended without a picture", status=200)
    came, lost = 0, None
    for file in pictures[: call.count]:
        try:
            data = await files.fetch(line, file)
        except UpstreamFailure as failure:
            lost = lost or failure
            continue
        yield Picture(call.first_index + came, data, seed)
        came += 1
        yield Usage(images=came)
    if lost is not None and not came:
        raise lost


def chosen_seed(request: ImageRequest, function: Function) -> tuple[int | None, list[Notice]]:
    """The seed to send, within the range of the app's own input; None if it has none."""
    at = placed(function).get("seed")
    if at is None:
        return None, []
    largest = function.inputs[at].maximum
    return seed_for(request, COMMON if largest is None else max(0, int(largest)))


def wishes(call: ImageCall, seed: int | None) -> dict[str, Any]:
    """The request's settings, by the names that `arguments` uses."""
    request = call.request
    width, height = call.size or (None, None)
    return {
        "negative_prompt": request.negative_prompt or None,
        "seed": seed,
        "width": width,
        "height": height,
        "aspect_ratio": "{}:{}".format(*request.aspect_ratio) if request.aspect_ratio else None,
        "steps": request.steps,
        "guidance_scale": request.guidance_scale,
    }
