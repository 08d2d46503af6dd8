"""Resolves what a request only refers to: links become pictures and documents become text before a provider is called."""

import asyncio
from collections.abc import Sequence

from antiphon.config.model import Images
from antiphon.v1 import chat_pb2
from inference_service.api.turns import LARGEST_IMAGE, PDF, Violation
from inference_service.documents.reading import Document, End, Reader, plain
from inference_service.domain import ImagePart
from inference_service.failures import UpstreamFailure
from inference_service.pictures.fetch import PictureFetcher
from inference_service.pictures.normalise import problem, sniff

MOST_LINKS = 20  # links per request; all are fetched at once
MOST_DOCUMENTS = 20


class Material:
    """One per process: it bounds how much is read at once."""

    def __init__(self) -> None:
        self._reader = Reader()

    async def unpack(self, messages: Sequence[chat_pb2.Message], images: Images) -> list[Violation]:
        """Replaces links and documents in the messages by their contents. Returns what could not be read, with its field.

        images: the rules by which pictures are fetched.
        """
        places = [
            (f"messages[{number}].parts[{place}]", part)
            for number, message in enumerate(messages)
            for place, part in enumerate(message.parts)
        ]
        links = [document for document in places if document[1].HasField("image_link")]
        documents = [document for document in places if document[1].HasField("document")]
        if len(links) > MOST_LINKS:
            return [("messages", f"has {len(links)} picture links; at most {MOST_LINKS} are allowed")]
        if len(documents) > MOST_DOCUMENTS:
            return [("messages", f"has {len(documents)} documents; at most {MOST_DOCUMENTS} are allowed")]
        fetched = await asyncio.gather(*(fetch(*document, images) for document in links))
        read = await asyncio.gather(*(self._read(*document) for document in documents))
        return [violation for violation in (*fetched, *read) if violation is not None]

    async def _read(self, path: str, part: chat_pb2.Part) -> Violation | None:
        attached = part.document
        if attached.mime_type.partition(";")[0].strip().lower() == PDF:
            document = await self._reader.pdf(attached.data)
        else:
            document = Document(plain(attached.data), End.WHOLE)
        if document.problem:
            return f"{path}.document.data", document.problem
        name = f" {attached.name}" if attached.name else ""
        rest = "\n[The document goes on; only its beginning was read.]" if document.end is not End.WHOLE else ""
        part.text = f"[Document{name}]\n{document.text}{rest}\n[End of the document]\n"
        return None


async def fetch(path: str, part: chat_pb2.Part, images: Images) -> Violation | None:
    path = f"{path}.image_link.url"
    try:
        data = await PictureFetcher(images).fetch(part.image_link.url)
    except UpstreamFailure as failure:
        return path, failure.message.replace("the provider's picture", "the picture")
    mime = sniff(data)
    if mime is None or len(data) > LARGEST_IMAGE:
        return path, f"the file is not a PNG, JPEG, WebP or GIF of at most {LARGEST_IMAGE} bytes"
    if text := await problem(ImagePart(mime, data), images.max_pixels):
        return path, text
    part.image.mime_type, part.image.data = mime, data
    return None
