import asyncio
import sys

import uvloop

from antiphon.config.model import Service
from tests.support.interop import serve


async def main(port: int) -> None:
    _, bound = await serve(Service(transport=sys.argv[2] if len(sys.argv) > 2 else "h2", port=port))
    sys.stdout.write(f"ready: 127.0.0.1:{bound}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


uvloop.run(main(int(sys.argv[1])))
