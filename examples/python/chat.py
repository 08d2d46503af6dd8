"""Asks Antiphon and prints the answer as it comes: python chat.py 127.0.0.1:50551 "Why is the sky blue?" """

import asyncio
import os
import sys

from antiphon.client import InferenceClient
from antiphon.errors import AntiphonError
from antiphon.events import Delta, Handover


async def main(target: str, question: str) -> int:
    async with InferenceClient(target, os.environ.get("ANTIPHON_TOKEN")) as client:
        stream = client.chat(question)
        try:
            async for event in stream:
                match event:
                    case Delta():
                        print(event.text, end="", flush=True)
                    case Handover() if not event.keep_chars:
                        print()  # another deployment begins again
        except AntiphonError as error:
            print(error.message, file=sys.stderr)
            return 1
        print(f"\n-- {stream.deployment}, {len(stream.text)} characters, {stream.usage.tokens} tokens")
        return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*(sys.argv[1:] or ["127.0.0.1:50551", "Hello!"]))))
