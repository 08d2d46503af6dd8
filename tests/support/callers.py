"""The service in its own process with two callers: one misbehaves, the other observes, and its memory can be measured."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from antiphon.client import InferenceClient
from tests.support.processes import Process, running

ENVIRON = {
    "ANTIPHON__SERVICE__PORT": "0",
    "ANTIPHON__SERVICE__STATUS_PAGE": "false",
    "ANTIPHON__SERVICE__HTTP": "false",
    "ANTIPHON__SERVICE__GRACE": "3",
    "ANTIPHON__EMBEDDED__CHARACTERS_PER_SECOND": "0",
    "ANTIPHON__SERVICE__CALLERS__GOOD__TOKEN_ENV": "GOOD",
    "ANTIPHON__SERVICE__CALLERS__GOOD__SCOPES": '["chat", "image", "operate"]',
    "ANTIPHON__SERVICE__CALLERS__BAD__TOKEN_ENV": "BAD",
    "GOOD": "token-of-good",
    "BAD": "token-of-bad",
}
GOOD = {"authorization": "Bearer token-of-good"}
BAD = {"authorization": "Bearer token-of-bad"}
MIB = 1024


@dataclass
class Running:
    """`target` as a client wants it."""

    process: Process
    target: str

    def memory(self) -> int:
        """Resident memory of the process at its highest, in KiB."""
        return self._status("VmHWM")

    def _status(self, key: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
        raise AssertionError(f"no {key}")

    def forget_peak(self) -> int:
        """Memory as it is now; the highest is counted from here on."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return self._status("VmRSS")

    async def well(self) -> None:
        """Another caller gets a whole answer, which its client has counted."""
        async with InferenceClient(self.target, "token-of-good") as client:
            stream = client.chat("Are you well?")
            async for _event in stream:
                pass
            assert stream.finished is not None


@contextlib.asynccontextmanager
async def service(directory: Path, **environ: str) -> AsyncIterator[Running]:
    async with running("inference_service", directory=directory, environ={**ENVIRON, **environ}) as process:
        target = (await process.line("ready: ")).split()[1]
        yield Running(process, target)
