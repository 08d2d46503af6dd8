"""Text out of PDF, Word, OpenDocument and EPUB files. Runs only in the child process: the files are strangers'."""

import io
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

MOST_MEMBERS, LARGEST_MEMBER, LARGEST_ALL = 5_000, 20 * 1024 * 1024, 60 * 1024 * 1024
WORD, TEXT = (
    "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}",
    "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}",
)
BLOCKS = frozenset(("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "title", "blockquote"))
HIDDEN = frozenset(("script", "style", "head"))


class Encrypted(Exception):
    """Only a password opens it."""


class Unreadable(Exception):
    """It is none of the formats, or broken."""


def pages_of(data: bytes) -> Iterator[tuple[str, int]]:
    """The text of one page or chapter after another, each with the number of all."""
    if data.startswith(b"%PDF"):
        yield from _pdf(data)
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if len(archive.infolist()) > MOST_MEMBERS:
            raise Unreadable
        files = Members(archive)
        if "word/document.xml" in files:
            yield "\n".join(_paragraphs(files.read("word/document.xml"), WORD)), 1
        elif files.kind.startswith("application/vnd.oasis.opendocument.text"):
            yield "\n".join(_paragraphs(files.read("content.xml"), TEXT)), 1
        elif files.kind == "application/epub+zip":
            yield from _chapters(files)
        else:
            raise Unreadable


class Members:
    """The files of an archive, read only as far as sense goes: a few kilobytes may claim to be gigabytes."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive, self._left = archive, LARGEST_ALL
        self._names = frozenset(archive.namelist())
        self.kind = self.read("mimetype").decode("ascii", "replace").strip() if "mimetype" in self else ""

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str) -> bytes:
        try:
            with self._archive.open(name) as file:
                data = file.read(min(LARGEST_MEMBER, self._left) + 1)
        except RuntimeError as error:  # zipfile's word for a password
            raise Encrypted from error
        if len(data) > min(LARGEST_MEMBER, self._left):
            raise Unreadable
        self._left -= len(data)
        return data


def _pdf(data: bytes) -> Iterator[tuple[str, int]]:
    from pypdf import PasswordType, PdfReader  # noqa: PLC0415 - heavy, and only for this format

    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
        raise Encrypted
    count = len(reader.pages)
    for number in range(count):
        yield reader.pages[number].extract_text(), count


def _paragraphs(xml: bytes, space: str) -> Iterator[str]:
    if b"<!ENTITY" in xml:
        raise Unreadable  # no word processor writes entities; a bomb does
    tags = {f"{space}p", f"{space}h"}
    for element in ET.fromstring(xml).iter():  # noqa: S314 - entities are refused above, memory is bounded
        if element.tag in tags:
            yield "".join(_words(element, space))


def _words(element: ET.Element, space: str) -> Iterator[str]:
    for part in element.iter():
        if part.tag in (f"{space}tab", f"{space}s"):
            yield " "
        elif part.tag in (f"{space}br", f"{space}line-break"):
            yield "\n"
        # In Word files words stand in <w:t> alone; in OpenDocument anywhere in the paragraph.
        if part.text and (space == TEXT or part.tag == f"{space}t"):
            yield part.text
        if space == TEXT and part is not element and part.tail:
            yield part.tail


def _chapters(files: Members) -> Iterator[tuple[str, int]]:
    """In the order of the book's spine (EPUB 3.3, package document)."""
    container = ET.fromstring(_without_entities(files.read("META-INF/container.xml")))  # noqa: S314 - as above
    place = next((path.get("full-path") for path in container.iter() if path.tag.endswith("}rootfile")), None)
    if place is None or place not in files:
        raise Unreadable
    package = ET.fromstring(_without_entities(files.read(place)))  # noqa: S314 - as above
    folder = place.rpartition("/")[0]
    items = {path.get("id"): path.get("href") or "" for path in package.iter() if path.tag.endswith("}item")}
    spine = [items.get(path.get("idref")) for path in package.iter() if path.tag.endswith("}itemref")]
    names = [f"{folder}/{path}".lstrip("/") for path in spine if path]
    chapters = [name for name in names if name in files]
    for name in chapters:
        words = Words()
        words.feed(files.read(name).decode("utf-8", "replace"))
        yield words.text(), len(chapters)


def _without_entities(xml: bytes) -> bytes:
    if b"<!ENTITY" in xml:
        raise Unreadable
    return xml


class Words(HTMLParser):
    """What a page of a book says, a line for each block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._said: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the library's signature
        self._hidden += tag in HIDDEN
        if tag in BLOCKS:
            self._said.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in HIDDEN))
        if tag in BLOCKS:
            self._said.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._said.append(data)

    def text(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self._said).split("\n"))
        return "\n".join(line for line in lines if line)
