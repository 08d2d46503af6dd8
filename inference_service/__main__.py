"""`python -m inference_service`: the service; `check`: asks every provider a smallest question;
`rehearse`: plays a load through the configured pools.

Exit codes: 0 ended as asked, 1 a check failed, 2 the configuration or the port cannot be used.
"""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from antiphon.config.load import ConfigError, config_path, load_config
from antiphon.config.model import Config
from antiphon.config.secrets import SecretProblem
from inference_service import check, workers
from inference_service.lifecycle import serve
from inference_service.server import StartProblem, named

CANNOT_START = 2
T = TypeVar("T")


def main(arguments: list[str]) -> int:
    environ = dict(os.environ)
    try:
        path = config_path(environ)
        config = load_config(path, environ)
        if arguments[:1] == ["check"]:
            with named(path):
                return run(check.check(config, environ, as_json="--json" in arguments))
        if arguments[:1] == ["rehearse"]:
            with named(path):
                return rehearsed(config, environ, arguments[1])
        if config.service.workers > 1 and not workers.is_worker(environ):
            return workers.supervise(config, environ)
        run(serve(config, environ, path))
    except (ConfigError, SecretProblem, StartProblem) as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_START
    except KeyboardInterrupt:
        return 130
    return 0


def rehearsed(config: Config, environ: dict[str, str], given: str) -> int:
    """`given`: the load as JSON, from the command."""
    from inference_service.rehearsal.rehearse import Plan, rehearse  # noqa: PLC0415 - not needed to serve

    asked = json.loads(given)
    as_json, picture = asked.pop("json"), asked.pop("picture")
    return rehearse(config, environ, Plan(**asked), as_json=as_json, picture=Path(picture) if picture else None)


def run(work: Coroutine[Any, Any, T]) -> T:
    """On uvloop where it exists (not on Windows)."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
