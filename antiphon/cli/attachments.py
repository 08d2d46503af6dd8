"""What a question can bring along: pictures, text files and web pages."""

import html.parser
import urllib.error
import urllib.request
from pathlib import Path

from antiphon import events
from antiphon.cli.output import UsageProblem

MIMES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
LARGEST_TEXT = 1024 * 1024  # bytes
LARGEST_DOWNLOAD = 10 * 1024 * 1024  # bytes
FETCH_TIMEOUT = 20.0  # seconds
SCHEMES = ("http://", "https://")
SILENT = ("script", "style", "template", "noscript", "head")  # elements whose text nobody reads
BLOCKS = ("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "section", "article", "blockquote")
Attachment = events.Image | str


def attachment(source: str) -> Attachment:
    """A picture, or the text of a file or web page with its name. Raises UsageProblem or OSError."""
    if source.lower().startswith(SCHEMES):
        return _fetched(source)
    path = Path(source).expanduser()
    with path.open("rb") as file:
        data = file.read(LARGEST_DOWNLOAD + 1)
    if mime := picture_type(data):
        return events.Image(mime, data)
    return quoted(source, decoded(data, source))


def picture(path: Path) -> events.Image:
    """Raises OSError or UsageProblem."""
    data = path.expanduser().read_bytes()
    if not (mime := picture_type(data)):
        raise UsageProblem(f"{path}: not a PNG, JPEG, GIF or WebP picture")
    return events.Image(mime, data)


def picture_type(data: bytes) -> str:
    """The media type of a picture; empty for anything else."""
    return next((mime for magic, mime in MIMES.items() if data.startswith(magic)), "")


def decoded(data: bytes, name: str) -> str:
    """Text in UTF-8, or in UTF-16 with a byte-order mark as Windows programs write it. Raises UsageProblem."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise UsageProblem(f"{name} is not text. Pictures go into --image; other files must be UTF-8 text.") from None
    if len(data) > LARGEST_TEXT:
        raise UsageProblem(f"{name} is larger than {LARGEST_TEXT // 1024:,} KiB")
    return text.strip()


def quoted(name: str, text: str) -> str:
    """The text between fences that do not occur in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{name}:\n{fence}\n{text}\n{fence}"


def _fetched(url: str) -> Attachment:
    request = urllib.request.Request(url, headers={"User-Agent": "antiphon", "Accept": "text/*, image/*"})  # noqa: S310 - the scheme was checked
    try:
        with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT) as response:  # noqa: S310
            kind, charset = response.headers.get_content_type(), response.headers.get_content_charset()
            data = response.read(LARGEST_DOWNLOAD + 1)
    except urllib.error.HTTPError as error:
        raise UsageProblem(f"{url}: the server answered {error.code}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UsageProblem(f"{url}: cannot be loaded ({reason})") from None
    if len(data) > LARGEST_DOWNLOAD:
        raise UsageProblem(f"{url}: larger than {LARGEST_DOWNLOAD // 1024**2} MiB")
    if mime := picture_type(data):
        return events.Image(mime, data)
    if not kind.startswith("text/") and kind not in ("application/json", "application/xml"):
        raise UsageProblem(f"{url}: {kind} is neither text nor a picture")
    try:
        text = data.decode(charset or "utf-8")
    except (UnicodeDecodeError, LookupError):
        text = data.decode("utf-8", "replace")
    return quoted(url, page_text(text) if kind == "text/html" else text.strip())


class _PageText(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the interface
        self._silent += tag in SILENT
        if tag in BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in SILENT))
        if tag in BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data)


def page_text(source: str) -> str:
    """The readable text of a web page, one paragraph per line."""
    page = _PageText()
    page.feed(source)
    page.close()
    lines = (" ".join(line.split()) for line in "".join(page.pieces).splitlines())
    return "\n".join(line for line in lines if line)
