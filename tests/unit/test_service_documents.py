"""Documents that a caller sends are read by the same child process as those that people attach."""

from inference_service.documents.reading import End, Reader, document
from tests.support.pdf import pdf


async def test_a_pdf_is_read_and_a_broken_one_says_why_not() -> None:
    reader = Reader()
    whole = await reader.pdf(pdf("a red fox", "a grey hen"))
    assert (whole.text, whole.end, whole.problem) == ("a red fox\n\na grey hen", End.WHOLE, "")
    broken = await reader.pdf(b"%PDF-1.7\n" + bytes(range(256)) * 4)
    assert (broken.end, broken.problem) == (End.UNREADABLE, "it cannot be read")


def test_pages_written_before_the_child_was_killed_are_kept() -> None:
    assert document(b'{"text": "page one", "pages": 9}\n', End.LATE).text == "page one"
    assert document(b'{"text": "", "pages": 9}\n{"end": "whole"}\n', End.LATE).problem.startswith("it contains no text")
