"""Reads one document from standard input, in a process that may use little time and memory and knows no secret.

Writes a line of JSON for each page as soon as it is read, so that what was read stands even if the time is up.
"""

import contextlib
import json
import sys

from discord_bot.documents.formats import Encrypted, pages_of

CPU_SECONDS, MEMORY = 15, 1024 * 1024 * 1024


def bound() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - does not exist on Windows

        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main(most_pages: int, most_text: int) -> None:
    data = sys.stdin.buffer.read()
    length = 0
    try:
        for number, (text, count) in enumerate(pages_of(data), 1):
            said = text[: most_text + 1 - length].encode("utf-8", "replace").decode()
            length += len(said)
            write({"text": said, "pages": count})
            if number >= most_pages or length > most_text:
                break
        write({"end": "whole"})
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
