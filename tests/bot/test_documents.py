"""Documents of strangers: their text is read, and none of them can hold up the bot."""

import io
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from discord_bot.conversation.documents import read_document
from tests.support.pdf import pdf

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ODT = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)


def archive(members: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, text in members.items():
            file.writestr(name, text)
    return out.getvalue()


def docx(body: str, head: str = "") -> bytes:
    return archive({"word/document.xml": f"{head}<w:document {W}><w:body>{body}</w:body></w:document>"})


EPUB = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": '<container xmlns="urn:c"><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
    "OPS/book.opf": '<package xmlns="urn:p"><manifest><item id="b" href="two.xhtml"/><item id="a" href="one.xhtml"/></manifest>'
    '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>',
    "OPS/one.xhtml": "<!DOCTYPE html><html><head><title>no</title></head><body><h1>One</h1><p>A fox &amp; a <b>hen</b>.</p></body></html>",
    "OPS/two.xhtml": "<html><body><p>Two</p><script>alert(1)</script></body></html>",
}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (docx("<w:p><w:r><w:t>Лиса</w:t></w:r><w:r><w:tab/><w:t>one</w:t></w:r></w:p><w:p><w:r><w:t>two</w:t></w:r></w:p>"), "Лиса one\ntwo"),
        (
            archive({
                "mimetype": "application/vnd.oasis.opendocument.text",
                "content.xml": f"<office:document-content {ODT}><text:h>Head</text:h><text:p>A <text:span>red</text:span> fox</text:p></office:document-content>",
            }),
            "Head\nA red fox",
        ),
        (archive(EPUB), "One\nA fox & a hen.\n\nTwo"),
    ],
    ids=["docx", "odt", "epub"],
)  # fmt: skip
def test_the_usual_formats_are_read(data: bytes, text: str) -> None:
    document = read_document(data, 40, 60_000)
    assert (document.end, "\n\n".join(document.pages)) == ("whole", text)


def encrypted(password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("A secret fox"))))
    writer.encrypt(password, "owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_an_encrypted_pdf_is_read_without_a_password_if_possible_and_reported_otherwise() -> None:
    assert "secret fox" in read_document(encrypted(""), 40, 60_000).pages[0]
    assert read_document(encrypted("hunter2"), 40, 60_000).end == "encrypted"


def test_only_so_many_pages_and_so_much_text_are_read() -> None:
    few = read_document(pdf(*(f"page {number}" for number in range(9))), 3, 60_000)
    assert (len(few.pages), few.count, few.end) == (3, 9, "shortened")
    long = read_document(pdf("a fox " * 300), 40, 100)
    assert (sum(map(len, long.pages)), long.end) == (101, "shortened")


BOMBS = {
    "a zip bomb": archive({"word/document.xml": "0" * 80_000_000}),
    "many members": archive({str(number): "" for number in range(6_000)}),
    "entities": docx("<w:p><w:r><w:t>&a;</w:t></w:r></w:p>", '<!DOCTYPE x [<!ENTITY a "ha">]>'),
    "no document": archive({"a.txt": "text"}),
    "a broken archive": archive({"word/document.xml": "<a/>"})[:-30],
    "a broken pdf": b"%PDF-1.7\n" + bytes(range(256)) * 40,
}


@pytest.mark.parametrize("name", BOMBS)
def test_broken_and_hostile_documents_are_unreadable(name: str) -> None:
    assert read_document(BOMBS[name], 40, 60_000).end in ("unreadable", "large")


def slow_pdf() -> bytes:
    """Pages that name each other as their parents' kids, again and again: small, and endless to walk."""
    pages = 30_000
    page = pdf("x")
    return page.replace(b"/Kids [3 0 R] /Count 1", b"/Kids [" + b"3 0 R " * pages + b"] /Count %d" % pages)


def test_pages_read_before_the_timeout_are_kept() -> None:
    document = read_document(slow_pdf(), 10**6, 10**9, longest=1.5)
    assert document.end in ("late", "unreadable")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300), st.integers(0, 400), st.sampled_from(["docx", "epub", "pdf"]))
def test_damage_anywhere_is_never_more_than_unreadable(noise: bytes, place: int, kind: str) -> None:
    whole = {"docx": docx("<w:p/>"), "epub": archive(EPUB), "pdf": pdf("a fox")}[kind]
    document = read_document(whole[:place] + noise + whole[place + len(noise) :], 40, 60_000)
    assert document.end in ("whole", "unreadable", "encrypted", "late", "large")
