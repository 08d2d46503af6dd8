"""The clients of others, each in an environment of its own, and the program that tries it.

`python -m tests.clients` prepares and runs all of them; the gate runs those that it can prepare quickly.
"""

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = Path(__file__).parent / "programs"
ENVIRONMENTS = ROOT / ".venv" / "clients"
UV = Path(sys.executable).with_name("uv")
LONGEST = 240.0  # seconds for an environment or a program


class Missing(Exception):
    """The client cannot be had on this machine; the text says why."""


@dataclass(frozen=True)
class Client:
    """`package` as its registry names it; empty: it is among the tools of the tests already."""

    name: str
    program: str
    package: str = ""

    async def prepare(self) -> list[str]:
        """The command that runs the program. Raises Missing."""
        program = PROGRAMS / self.program
        if program.suffix == ".mjs":
            return await self._node(program)
        if not self.package:
            return [sys.executable, str(program)]
        python = ENVIRONMENTS / self.name / "bin" / "python"
        if not python.exists():
            await checked(str(UV), "venv", "--quiet", str(ENVIRONMENTS / self.name))
        await checked(str(UV), "pip", "install", "--quiet", "--python", str(python), self.package)
        return [str(python), str(program)]

    async def _node(self, program: Path) -> list[str]:
        if shutil.which("npm") is None:
            raise Missing("there is no npm")
        home = ENVIRONMENTS / self.name
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "node_modules").exists():
            await checked("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), self.package)
        copy = home / program.name  # Node looks for packages beside the program
        shutil.copyfile(program, copy)
        return ["node", str(copy)]


CLIENTS = (
    Client("openai-python", "openai_python.py"),
    Client("openai-python-latest", "openai_python.py", "openai"),
    Client("openai-node", "openai_node.mjs", "openai@7.59.0"),
    Client("litellm", "litellm_client.py", "litellm"),
    Client("langchain", "langchain_client.py", "langchain-openai"),
    Client("llm", "llm_client.py", "llm"),
)
IN_THE_GATE = ("openai-python", "openai-node")


async def checked(*command: str, environ: dict[str, str] | None = None) -> str:
    """What the command prints. Raises Missing with its last words."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **(environ or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(LONGEST):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise Missing(f"{command[0]} took longer than {LONGEST:.0f} s") from None
    if process.returncode:
        raise Missing(f"{Path(command[0]).name} failed: {said.decode(errors='replace')[-2_000:]}")
    return said.decode(errors="replace")
