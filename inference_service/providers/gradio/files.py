"""Moves pictures into a Gradio app and out of it: uploads, paths, links, data URIs.

Source: Gradio's server and clients, 3.50 to 6. The `url` of a file may be wrong, so addresses are made from paths.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from msgspec import Struct

from inference_service.domain import ImagePart
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.gradio.app import App, Output, decode
from inference_service.providers.gradio.queue import Line, refused
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import read, read_error
from inference_service.providers.pictures.seeds import reported

LARGEST_PICTURE = 64 * 1024 * 1024
MOST_PICTURES = 64
SHOWING = ("image", "gallery", "annotatedimage", "imageslider", "imageeditor")
_PICTURE = re.compile(r"\.(png|jpe?g|webp|gif|bmp|tiff?|avif)($|[?#])", re.IGNORECASE)


async def picture_value(line: Line, app: App, image: ImagePart) -> Any:
    """The picture as the app's input accepts it. Raises UpstreamFailure."""
    if line.protocol == "ws":
        return f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}"
    if app.max_file_size is not None and len(image.data) > app.max_file_size:
        text = f"the Space takes files of at most {app.max_file_size} bytes"
        raise UpstreamFailure(FailureKind.UNSUPPORTED, text, status=413)
    name = f"image.{image.mime.rpartition('/')[2]}"
    form = aiohttp.FormData()
    form.add_field("files", image.data, filename=name, content_type=image.mime)
    async with line.http.request("POST", f"{line.base}/upload", headers=line.headers, form=form) as response:
        if response.status != 200:
            raise await refused(response)
        paths = decode(await read(response, 65_536))
    if not (isinstance(paths, list) and paths and isinstance(paths[0], str)):
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
    about = {"path": paths[0], "orig_name": name, "mime_type": image.mime, "size": len(image.data)}
    return {**about, "meta": {"_type": "gradio.FileData"}}


class File(Struct, frozen=True):
    """A picture as an app refers to it: a path on its server, a link, or a data URI."""

    place: str
    mime: str = ""

    @property
    def says_picture(self) -> bool:
        """Whether its name or type says that it is a picture."""
        return (
            self.mime.startswith("image/") or self.place.startswith("data:image/") or bool(_PICTURE.search(self.place))
        )


def pictures_in(values: Sequence[Any], outputs: Sequence[Output]) -> list[File]:
    """The pictures among a function's outputs.

    Everything in a picture component counts; in other components only what is marked as a picture, so that a log file in
    front of the picture is skipped.
    """
    pairs = list(zip(values, outputs, strict=False))
    pictures = [file for value, output in pairs if output.kind in SHOWING for file in _shown(value, output.kind)]
    if not pictures:
        others = [file for value, output in pairs if output.kind != "state" for file in pictures_of(value)]
        pictures = [file for file in others if file.says_picture]
    return pictures[:MOST_PICTURES]


def _shown(value: Any, kind: str) -> list[File]:
    match value:
        case {"__type__": "update"}:
            return _shown(value.get("value"), kind)
        case {"composite": inner} if kind == "imageeditor":
            return pictures_of(inner)
        case [*_, result] if kind == "imageslider":  # before and after
            return pictures_of(result)
    return pictures_of(value)


def pictures_of(value: Any) -> list[File]:
    """For one value: a picture, or a gallery of pictures."""
    match value:
        case str() if value.startswith("data:image/"):
            return [File(value)]
        case {"__type__": "update"}:
            return pictures_of(value.get("value"))
        case {"video": _}:
            return []
        case {"path": str(place)} | {"name": str(place), "is_file": True} | {"url": str(place)}:
            return [File(place, mime if isinstance(mime := value.get("mime_type"), str) else "")]
        case {"data": str(data)} if data.startswith("data:image/"):
            return [File(data)]
        case {"image": inner}:
            return pictures_of(inner)
        case list():
            return [file for item in value[:MOST_PICTURES] for file in pictures_of(item)]
    return []


def seed_in(values: Sequence[Any], outputs: Sequence[Output]) -> int | None:
    """The seed that the app reports in an output with that name; other numbers do not count."""
    for value, output in zip(values, outputs, strict=False):
        if "seed" in output.name.split("_") and (seed := reported(value)) is not None:
            return seed
    return None


async def fetch(line: Line, file: File) -> bytes:
    """Raises UpstreamFailure."""
    place = file.place
    if place.startswith("data:"):
        try:
            return base64.b64decode(place.partition(",")[2], validate=True)
        except (binascii.Error, ValueError) as error:
            raise errors.failure(FailureKind.BAD_IMAGE, status=200) from error
    url = place
    if not place.startswith(("http://", "https://")):
        url = f"{line.base}/file={quote(place)}"
    elif urlsplit(place)[:2] != urlsplit(line.base)[:2]:
        return await line.http.fetch_picture(place)  # somewhere else, without any credential
    async with line.http.request("GET", url, headers=line.headers) as response:
        if response.status != 200:
            await read_error(response)
            text = "the Space's picture could not be fetched"
            raise UpstreamFailure(FailureKind.BAD_IMAGE, text, status=response.status)
        return await read(response, LARGEST_PICTURE)
