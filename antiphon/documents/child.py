"""Reads one document from standard input, in a process that may use little time and memory and knows no secret.

Writes a line of JSON for each page as soon as it is read, so that what was read stands even if the time is up.
"""

import json
import sys

from antiphon.documents.formats import Encrypted, pages_of
from antiphon.isolated import bound


def main(most_pages: int, most_text: int) -> None:
    data = sys.stdin.buffer.read()
    length = 0
    try:
        for number, (text, count) in enumerate(pages_of(data), 1):
            if number > most_pages or length > most_text:
                write({"end": "shortened"})
                return
            # One character more than wanted says that there are more.
            said = text[: most_text + 1 - length].encode("utf-8", "replace").decode()
            length += len(said)
            write({"text": said, "pages": count})
        write({"end": "whole" if length <= most_text else "shortened"})
    except Encrypted:
        write({"end": "encrypted"})
    except MemoryError:
        write({"end": "large"})
    except Exception:  # noqa: BLE001 - whatever a stranger's file does to a parser: it cannot be read
        write({"end": "unreadable"})


def write(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    bound()
    main(int(sys.argv[1]), int(sys.argv[2]))
