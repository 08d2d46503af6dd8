"""Reads a PDF from standard input, in a process with little time and memory and without any secret.

Writes a line of JSON per page as soon as it is read, so that these pages are kept if the time runs out.
"""

import contextlib
import io
import json
import sys

CPU_SECONDS, MEMORY = 15, 1024 * 1024 * 1024


def bound() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - does not exist on Windows

        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main(most_pages: int, most_text: int) -> None:
    from pypdf import PasswordType, PdfReader  # noqa: PLC0415 - only now is the process bounded

    try:
        reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()))
        if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
            write({"end": "encrypted"})
            return
        length, count = 0, len(reader.pages)
        for number in range(min(count, most_pages)):
            text = reader.pages[number].extract_text()[: most_text - length]
            length += len(text)
            write({"text": text.encode("utf-8", "replace").decode()})
            if length >= most_text:
                break
        write({"end": "whole" if count <= most_pages and length < most_text else "shortened"})
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
