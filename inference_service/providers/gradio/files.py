"""Pictures into a Gradio app and out of it: uploads, paths, data URIs.

Source: Gradio's server and clients, 3.50 to 6. The `url` of a file may be wrong, so addresses are made from paths.
"""

import base64
import binascii
from typing import Any
from urllib.parse import quote

import aiohttp

from inference_service.domain import ImagePart
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.gradio.app import App, decode
from inference_service.providers.gradio.queue import Line, refused
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import read, read_error

LARGEST_PICTURE = 64 * 1024 * 1024


async def picture_value(line: Line, app: App, image: ImagePart) -> Any:
    """The picture as an input of the app takes it. Raises UpstreamFailure."""
    if line.protocol == "ws":
        return f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}"
    if app.max_file_size is not None and len(image.data) > app.max_file_size:
        text = f"the Space takes files of at most {app.max_file_size} bytes"
        raise UpstreamFailure(FailureKind.BAD_REQUEST, text, status=413)
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


def pictures_of(value: Any) -> list[str]:
    """Paths and data URIs in an output: one picture, or a gallery of them."""
    match value:
        case str() if value.startswith("data:image/"):
            return [value]
        case {"path": str(path)} | {"name": str(path), "is_file": True}:
            return [path]
        case {"data": str(data)} if data.startswith("data:image/"):
            return [data]
        case {"image": inner}:
            return pictures_of(inner)
        case list():
            return [path for one in value for path in pictures_of(one)]
    return []


async def fetch(line: Line, picture: str) -> bytes:
    """Raises UpstreamFailure."""
    if picture.startswith("data:"):
        try:
            return base64.b64decode(picture.partition(",")[2], validate=True)
        except (binascii.Error, ValueError) as error:
            raise errors.failure(FailureKind.BAD_IMAGE, status=200) from error
    async with line.http.request("GET", f"{line.base}/file={quote(picture)}", headers=line.headers) as response:
        if response.status != 200:
            await read_error(response)
            text = "the Space's picture could not be fetched"
            raise UpstreamFailure(FailureKind.BAD_IMAGE, text, status=response.status)
        return await read(response, LARGEST_PICTURE)
