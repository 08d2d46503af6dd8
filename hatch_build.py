"""Compiles proto/ into the wheel, editable or not; nothing generated lies in the tree.

The stubs join the namespace package `antiphon` as `antiphon/v1/`. For that to work
`antiphon/` must never get an `__init__.py`: an editable install would then see only
the hand-written half.
"""

import shutil
import sys
import sysconfig
import tempfile
from importlib import resources
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProtoBuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version, build_data):
        proto = Path(self.root) / "proto"
        sources = sorted(proto.rglob("*.proto"))
        if not sources:
            raise FileNotFoundError(f"no .proto file below {proto}")
        self._out = Path(tempfile.mkdtemp(prefix="antiphon-stubs-"))
        _compile(proto, sources, self._out)
        package = self._out / "antiphon" / "v1"
        (package / "__init__.py").write_text('"""Stubs generated from proto/antiphon/v1."""\n')
        (package / "py.typed").touch()
        include = "force_include_editable" if version == "editable" else "force_include"
        build_data[include][str(package)] = "antiphon/v1"
        build_data["pure_python"] = True

    def finalize(self, version, build_data, artifact_path):
        shutil.rmtree(self._out, ignore_errors=True)


def _compile(proto: Path, sources: list[Path], out: Path) -> None:
    from grpc_tools import protoc

    # With a bare PATH protoc cannot find these plugins by itself.
    scripts = Path(sysconfig.get_path("scripts"))
    plugins = [
        f"--plugin={name}={scripts / name}"
        for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
        if (scripts / name).exists()
    ]
    arguments = [
        "protoc",
        f"-I{proto}",
        f"-I{resources.files('grpc_tools') / '_proto'}",
        *plugins,
        *(f"--{kind}_out={out}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")),
        *map(str, sources),
    ]
    if protoc.main(arguments) != 0:
        sys.exit("protoc failed; its message is above")
