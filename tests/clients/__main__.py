"""`make clients`: every client of others against the real service, each in an environment of its own."""

import asyncio
import sys

from tests.clients.catalogue import CLIENTS, Missing, checked
from tests.clients.service import client_service


async def main(wanted: list[str]) -> int:
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
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
