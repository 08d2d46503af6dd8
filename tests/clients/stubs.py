"""Clients generated from the contract, each built from a clean folder with its language's own tools.

Go and TypeScript call every kind of RPC of the running service; Java and Rust write a request that Python reads.
"""

import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from antiphon.v1 import chat_pb2
from tests.clients.catalogue import PROGRAMS, ROOT, Missing, checked
from tests.fakes.upstream.scripted import KEY, ScriptedUpstream
from tests.service.test_rpc_examples import config
from tests.service.test_unary import voice
from tests.support.service import serving

BUF = str(Path(sys.executable).with_name("buf"))
PROTO = ROOT / "proto"
PROTOBUF_JAVA = "4.35.1"
GO_PLUGINS = (
    "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.6",
    "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1",
)
REQUEST = chat_pb2.ChatRequest(
    model="chat",
    messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[chat_pb2.Part(text="Why is the sky blue?")])],
    sampling=chat_pb2.Sampling(temperature=0.5),
)
Build = Callable[[Path], Awaitable[list[str]]]


async def built(*command: str, environ: dict[str, str] | None = None) -> None:
    """A step that needs nothing from a registry: what it complains about is wrong with the contract or the program."""
    await finished(*command, environ=environ)


def needs(*tools: str) -> None:
    """Raises Missing."""
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        raise Missing(f"there is no {' and no '.join(missing)}")


async def descriptors(folder: Path) -> Path:
    """The FileDescriptorSet of the contract, for the tools of any language."""
    target = folder / "contract.binpb"
    await built(BUF, "build", str(ROOT), "-o", str(target))
    return target


async def generate(folder: Path, plugin: str, *options: str) -> None:
    """`gen/` in the folder, written by a local plugin of buf."""
    template = {"version": "v2", "plugins": [{"local": plugin, "out": "gen", "opt": list(options)}]}
    await built(BUF, "generate", str(ROOT), "--template", json.dumps(template), "-o", str(folder))


async def go(folder: Path) -> list[str]:
    """The program of examples/go."""
    needs("go")
    shutil.copytree(ROOT / "examples" / "go", folder, dirs_exist_ok=True)
    environ = {"GOBIN": str(folder / "bin"), "GOFLAGS": "-mod=mod"}
    for plugin in GO_PLUGINS:
        await checked("go", "install", plugin, environ=environ)
    (folder / "gen").mkdir(exist_ok=True)
    for name in ("protoc-gen-go", "protoc-gen-go-grpc"):
        await generate(folder / "gen", str(folder / "bin" / name), "paths=source_relative")
    (folder / "gen" / "gen").rename(folder / "gen" / "go")
    await checked("go", "-C", str(folder), "mod", "download", environ=environ)
    await built("go", "-C", str(folder), "build", "-o", "program", ".", environ=environ)
    return [str(folder / "program")]


async def typescript(folder: Path) -> list[str]:
    """protoc-gen-es and Connect, checked by the compiler."""
    needs("node", "npm")
    shutil.copytree(PROGRAMS / "typescript", folder, dirs_exist_ok=True)
    await checked("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder))
    tools = folder / "node_modules" / ".bin"
    await generate(folder, str(tools / "protoc-gen-es"), "target=ts", "import_extension=js")
    await built(str(tools / "tsc"), "--project", str(folder))
    return ["node", str(folder / "out" / "main.js")]


async def java(folder: Path) -> list[str]:
    """protoc and its library from Maven, of one version."""
    needs("mvn", "javac", "java")
    system = "linux-aarch_64" if os.uname().machine == "aarch64" else "linux-x86_64"
    for artifact in (f"protobuf-java:{PROTOBUF_JAVA}", f"protoc:{PROTOBUF_JAVA}:exe:{system}"):
        name = f"com.google.protobuf:{artifact}"
        await checked("mvn", "-q", "dependency:copy", f"-Dartifact={name}", f"-DoutputDirectory={folder}")
    protoc = folder / f"protoc-{PROTOBUF_JAVA}-{system}.exe"
    protoc.chmod(0o755)
    (folder / "gen").mkdir(parents=True)
    files = [str(path.relative_to(PROTO)) for path in sorted(PROTO.rglob("*.proto"))]
    contract = await descriptors(folder)  # with the types of Google's that protoc alone has not
    await built(str(protoc), f"--descriptor_set_in={contract}", f"--java_out={folder / 'gen'}", *files)
    sources = [str(path) for path in (*sorted((folder / "gen").rglob("*.java")), PROGRAMS / "java" / "Main.java")]
    library = str(folder / f"protobuf-java-{PROTOBUF_JAVA}.jar")
    await built("javac", "-nowarn", "-cp", library, "-d", str(folder / "out"), *sources)
    return ["java", "-cp", f"{library}:{folder / 'out'}", "Main"]


async def rust(folder: Path) -> list[str]:
    """prost, from the FileDescriptorSet."""
    needs("cargo")
    shutil.copytree(PROGRAMS / "rust", folder, dirs_exist_ok=True)
    await descriptors(folder)
    await checked("cargo", "fetch", "--quiet", "--manifest-path", str(folder / "Cargo.toml"))
    await built("cargo", "build", "--quiet", "--manifest-path", str(folder / "Cargo.toml"))
    return [str(folder / "target" / "debug" / "antiphon-contract")]


CALLING: dict[str, Build] = {"go": go, "typescript": typescript}
WRITING: dict[str, Build] = {"java": java, "rust": rust}


async def tried(language: str, command: list[str], folder: Path) -> str:
    """What the client has done, in a sentence. Raises AssertionError."""
    if language in WRITING:
        request = chat_pb2.ChatRequest.FromString(bytes.fromhex((await finished(*command)).strip()))
        assert request == REQUEST, f"it has written {request}"
        return "its request is read by Python"
    recording = folder / "voice.ogg"
    recording.write_bytes(voice())
    async with ScriptedUpstream() as upstream, serving(config(upstream, calls_tools=False), KEY) as (server, _):
        said = await finished(*command, server.target, str(recording))
    assert said.count("Because of the air.") == 2, said
    assert "image" in said, said
    return "it has called the service"


async def finished(*command: str, environ: dict[str, str] | None = None) -> str:
    """What a program prints. Raises AssertionError where it fails."""
    try:
        return await checked(*command, environ=environ)
    except Missing as problem:
        raise AssertionError(str(problem)) from None
