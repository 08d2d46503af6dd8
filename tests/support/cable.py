"""A cable to a server that can be slow or unplugged."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.support.redis import RedisServer


class Cable:
    """A TCP proxy. `slow`: answers do not arrive for as long as it is; `requests`: writes of clients that passed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._flows = asyncio.Event()
        self._flows.set()
        self.requests = 0
        self.plugged = True
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.plugged:
            writer.close()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._copy(reader, far_writer, count=True), self._copy(far_reader, writer))
        self._writers -= {writer, far_writer}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                self.requests += count
                if not count:
                    await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    @property
    def slow(self) -> bool:
        return not self._flows.is_set()

    @slow.setter
    def slow(self, slow: bool) -> None:
        (self._flows.clear if slow else self._flows.set)()

    def unplug(self) -> None:
        self.plugged = False
        self.slow = False
        for writer in list(self._writers):
            writer.transport.abort()

    def plug(self) -> None:
        self.plugged = True


@contextlib.asynccontextmanager
async def cable(redis: RedisServer) -> AsyncIterator[Cable]:
    connection = Cable(redis.port)
    server = await asyncio.start_server(connection._serve, "127.0.0.1", 0)
    connection.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    try:
        yield connection
    finally:
        connection.unplug()
        server.close()
