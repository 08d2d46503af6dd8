"""`python -m inference_service`: the service; `check`: sends every provider a short question;
`rehearse`: plays a load through the configured pools; `explain ROUTE`: says why the deployments of a route are in their
order; `keys`: stores keys of providers.

Exit codes: 0 ended normally, 1 a check failed, 2 the configuration or the port cannot be used.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # what is imported stays: looking for garbage among it costs a tenth of the start

import asyncio
import json
import os
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from antiphon.config.load import ConfigError, config_path, load_config
from antiphon.config.model import Config, ProviderConfig
from antiphon.config.secrets import SecretProblem
from inference_service import check, explain, keystore, workers
from inference_service.lifecycle import serve
from inference_service.providers.catalogue.load import CatalogueProblem
from inference_service.routing.build import build_parts
from inference_service.server import StartProblem, named

CANNOT_START = 2
T = TypeVar("T")


def main(arguments: list[str]) -> int:
    gc.enable()
    environ = dict(os.environ)
    try:
        if arguments[:1] == ["keys"] and arguments[1:2] != ["test"]:
            return keystore.main(arguments[1:], environ)
        path = config_path(environ)
        config = load_config(path, environ)
        if arguments[:1] == ["check"]:
            with named(path):
                return run(check.check(config, environ, as_json="--json" in arguments, only_list="--list" in arguments))
        if arguments[:1] == ["keys"]:
            with named(path):
                return run(check.check(only(config, environ, arguments[2:3]), environ, as_json=False))
        if arguments[:1] == ["explain"]:
            with named(path):
                return run(explain.explain(config, environ, arguments[1]))
        if arguments[:1] == ["rehearse"]:
            with named(path):
                return rehearsed(config, environ, arguments[1])
        if config.service.workers > 1 and not workers.is_worker(environ):
            return workers.supervise(config, environ)
        run(serve(config, environ, path))
    except (ConfigError, SecretProblem, StartProblem, keystore.KeyProblem, CatalogueProblem) as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_START
    except KeyboardInterrupt:
        return 130
    return 0


def rehearsed(config: Config, environ: dict[str, str], load: str) -> int:
    """`load`: the options of the command as JSON."""
    from inference_service.rehearsal.rehearse import Plan, rehearse  # noqa: PLC0415 - not needed to serve

    options = json.loads(load)
    as_json, picture = options.pop("json"), options.pop("picture")
    return rehearse(config, environ, Plan(**options), as_json=as_json, picture=Path(picture) if picture else None)


def only(config: Config, environ: Mapping[str, str], kinds: list[str]) -> Config:
    """The configuration with this provider alone; unchanged if none is named. Raises KeyProblem."""
    if not kinds:
        return config
    present = build_parts(config, environ).plan.providers
    if kinds[0] not in present:
        raise keystore.KeyProblem(f"{kinds[0]!r} is not in use; in use are {', '.join(present)}")
    others = {name: ProviderConfig(enabled=False) for name in present if name != kinds[0]}
    chosen = {kinds[0]: config.providers.get(kinds[0], ProviderConfig())}
    return config.model_copy(update={"providers": {**others, **chosen}, "routes": {}})


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs on uvloop if it is installed (it is not on Windows)."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
