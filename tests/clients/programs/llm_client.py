"""The command `llm` with a model of its own list. Prints each thing that works."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TEXT = os.environ["EXPECTED_TEXT"]
MODELS = """
- model_id: chat
  model_name: chat
  api_base: {base}
  api_key_name: openai
- model_id: breaks
  model_name: breaks
  api_base: {base}
  api_key_name: openai
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        Path(home, "extra-openai-models.yaml").write_text(MODELS.format(base=os.environ["OPENAI_BASE_URL"]))
        environ = {**os.environ, "LLM_USER_PATH": home}
        for model, more, name in (("chat", ["--no-stream"], "chat"), ("breaks", [], "stream, over a handover")):
            command = [str(Path(sys.executable).with_name("llm")), "-m", model, "hi", *more]
            said = subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout
            assert said.strip() == TEXT, said
            print(name)


main()
