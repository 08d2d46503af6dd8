"""POST /v1/images/generations and /v1/images/edits: converts the caller's body to an ImageRequest. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from antiphon.v1 import chat_pb2, image_pb2
from inference_service.http.body import Upload
from inference_service.http.chat_request import UNSUPPORTED_SETTINGS, caller, take_own
from inference_service.http.fields import Fields
from inference_service.http.files import picture_type
from inference_service.http.labels import Labels
from inference_service.http.problems import violated

FORMATS = {
    "png": image_pb2.IMAGE_FORMAT_PNG,
    "jpeg": image_pb2.IMAGE_FORMAT_JPEG,
    "jpg": image_pb2.IMAGE_FORMAT_JPEG,
    "webp": image_pb2.IMAGE_FORMAT_WEBP,
}
SIZE = re.compile(r"(\d{1,5})\s*[xX×]\s*(\d{1,5})")
PROPORTION = re.compile(r"(\d{1,4}):(\d{1,4})")
MOST_PARTIAL = 3  # OpenAI's limit
DEFAULT_MODEL = "image"
SPELLING = {"count": "n", "format": "output_format", "size.width": "size", "size.height": "size"}


class ImageOrder:
    """A parsed request. `partial`: number of previews per picture; `as_url`: pictures are wanted as data URLs."""

    def __init__(self, members: Mapping[str, Any], picture: Upload | None, labels: Labels, *, form: bool) -> None:
        """Raises Refusal."""
        fields = Fields(members, form=form)
        self.ignored: list[str] = []
        self.stream = fields.flag("stream") or False
        self.partial = fields.whole("partial_images", 1_000) or 0
        if self.partial > MOST_PARTIAL:
            fields.wrong("partial_images", f"is {self.partial}; 0 to {MOST_PARTIAL} is allowed")
        self.as_url = fields.choice("response_format", {"b64_json": False, "url": True}) or False
        self.request = self._request(fields, labels)
        if picture is not None:
            mime = picture_type(picture.data, picture.mime)
            self.request.input_image.CopyFrom(chat_pb2.InlineImage(mime_type=mime, data=picture.data))
        self.ignored += fields.left()
        if fields.violations:
            raise violated(fields.violations)

    def _request(self, fields: Fields, labels: Labels) -> image_pb2.ImageRequest:
        request = image_pb2.ImageRequest(
            model=fields.text("model") or DEFAULT_MODEL,
            prompt=fields.text("prompt") or "",
            negative_prompt=fields.text("negative_prompt") or "",
            format=fields.choice("output_format", FORMATS),
            request_id=labels.request_id,
            replay=labels.replay,
            caller=caller(fields, self.ignored, labels),
        )
        if not request.prompt:
            fields.wrong("prompt", "is required: what to draw")
        count = fields.whole("n", 2**32 - 1)
        if count == 0:
            fields.wrong("n", "is 0; 1 to 4 is allowed")
        request.count = count or 1
        self._shape(fields, request)
        for name, value in (
            ("seed", fields.whole("seed", 2**64 - 1)),
            ("steps", fields.whole("steps", 2**32 - 1)),
            ("guidance_scale", fields.number("guidance_scale")),
        ):
            if value is not None:
                setattr(request, name, value)
        take_own(fields, request, self.ignored, unsupported_setting=UNSUPPORTED_SETTINGS)
        return request

    @staticmethod
    def _shape(fields: Fields, request: image_pb2.ImageRequest) -> None:
        size, proportion = fields.text("size"), fields.text("aspect_ratio")
        if size is not None and size != "auto":
            if match := SIZE.fullmatch(size.strip()):
                request.size.width, request.size.height = int(match[1]), int(match[2])
            else:
                fields.wrong("size", 'must be "auto" or a width and a height, such as "1024x1024"')
        elif proportion is not None:
            if match := PROPORTION.fullmatch(proportion.strip()):
                request.aspect_ratio.horizontal, request.aspect_ratio.vertical = int(match[1]), int(match[2])
            else:
                fields.wrong("aspect_ratio", 'must be two numbers, such as "16:9"')

    @staticmethod
    def spell(field: str) -> str:
        return "image" if field.startswith("input_image") else SPELLING.get(field, field)
