"""The examples of docs/guides/openai-clients.md, run as they stand, but for the port."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.clients.catalogue import CLIENTS, Missing, checked
from tests.support.http import DEMO, http_door

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "openai-clients.md"
BLOCKS = dict(re.findall(r"```(\w+)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[:3])


async def test_the_examples_of_the_guide_work(tmp_path: Path) -> None:
    assert set(BLOCKS) == {"python", "js", "sh"}
    async with http_door(DEMO) as door:
        example = {name: text.replace("http://127.0.0.1:50550", door.base) for name, text in BLOCKS.items()}
        (tmp_path / "example.py").write_text(example["python"])
        said = await checked(sys.executable, str(tmp_path / "example.py"))
        assert said.count("offline demo voice") == 2
        assert int(said.split()[-1]) > 1_000
        if shutil.which("curl"):
            assert "offline demo voice" in await checked("sh", "-c", example["sh"])


async def test_the_example_for_node_works() -> None:
    node = next(client for client in CLIENTS if client.name == "openai-node")
    try:
        _, program = await node.prepare()
    except Missing as missing:
        pytest.skip(f"openai-node cannot be had here: {missing}")
    async with http_door(DEMO) as door:
        copy = Path(program).with_name("guide.mjs")  # beside the package
        copy.write_text(BLOCKS["js"].replace("http://127.0.0.1:50550", door.base))
        assert "offline demo voice" in await checked("node", str(copy))
