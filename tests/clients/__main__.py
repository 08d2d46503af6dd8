"""`make clients`: every client of others, and those generated in other languages, against the real service."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.clients.catalogue import CLIENTS, Missing, checked
from tests.clients.service import client_service
from tests.clients.stubs import CALLING, WRITING, tried


async def main(wanted: list[str]) -> int:
    return 1 if await others(wanted) + await generated(wanted) else 0


async def others(wanted: list[str]) -> int:
    """How many have failed."""
    failed = 0
    for client in CLIENTS:
        if wanted and client.name not in wanted:
            continue
        try:
            command = await client.prepare()
        except Missing as missing:
            print(f"{client.name}: skipped: {missing}", flush=True)
            continue
        async with client_service() as (environ, _):
            try:
                said = await checked(*command, environ=environ)
            except Missing as problem:
                failed += 1
                print(f"{client.name}: FAILED: {problem}", flush=True)
                continue
        print(f"{client.name}: {'; '.join(said.splitlines())}", flush=True)
    return failed


async def generated(wanted: list[str]) -> int:
    """Clients in other languages, from the contract. How many have failed."""
    failed = 0
    for language, build in {**CALLING, **WRITING}.items():
        if wanted and language not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                said = await tried(language, await build(Path(folder) / language), Path(folder))
            except Missing as missing:
                said = f"skipped: {missing}"
            except AssertionError as problem:
                failed += 1
                said = f"FAILED: {problem}"
        print(f"{language}: {said}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
