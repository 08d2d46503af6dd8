"""gRPC's interoperability service on the transport's own call interface, for the official clients.

python -m tests.support.interop PORT
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_tools import protoc

from antiphon.config.model import Service
from inference_service import transport

ECHO = "x-grpc-test-echo-trailing-bin"


def messages() -> Any:
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        protoc.main(["protoc", f"-I{here}", f"--python_out={folder}", str(here / "testing.proto")])
        sys.path.insert(0, folder)
        import testing_pb2  # type: ignore[import-not-found]

        sys.path.remove(folder)
    return testing_pb2


pb = messages()


async def begin(call: transport.Call) -> None:
    call.set_trailing_metadata([(key, value) for key, value in call.invocation_metadata() if key == ECHO])


async def check(call: transport.Call, request: Any) -> None:
    if request.response_status.code:
        code = next(member for member in grpc.StatusCode if member.value[0] == request.response_status.code)
        await call.abort(code, request.response_status.message, call.trailing_metadata())


async def empty(_: object, call: transport.Call) -> None:
    await call.read()
    await call.write(pb.Empty())


async def unary(_: object, call: transport.Call) -> None:
    await begin(call)
    request = pb.SimpleRequest.FromString(await call.read())
    await check(call, request)
    await call.write(pb.SimpleResponse(payload=pb.Payload(body=bytes(request.response_size))))


async def streaming_input(_: object, call: transport.Call) -> None:
    total = 0
    while (data := await call.read()) is not grpc.aio.EOF:
        total += len(pb.StreamingInputCallRequest.FromString(data).payload.body)
    await call.write(pb.StreamingInputCallResponse(aggregated_payload_size=total))


async def full_duplex(_: object, call: transport.Call) -> None:
    await begin(call)
    while (data := await call.read()) is not grpc.aio.EOF:
        request = pb.StreamingOutputCallRequest.FromString(data)
        await check(call, request)
        for wanted in request.response_parameters:
            await asyncio.sleep(wanted.interval_us / 1e6)
            await call.write(pb.StreamingOutputCallResponse(payload=pb.Payload(body=bytes(wanted.size))))


METHODS = {
    "EmptyCall": empty,
    "UnaryCall": unary,
    "CacheableUnaryCall": unary,
    "StreamingInputCall": streaming_input,
    "StreamingOutputCall": full_duplex,
    "FullDuplexCall": full_duplex,
    "HalfDuplexCall": full_duplex,
}


def serialise(message: Message) -> bytes:
    return message.SerializeToString()


async def serve(service: Service) -> tuple[transport.Server, int]:
    """The server and its port."""
    server = transport.new_server(service)
    handlers: dict[str, Any] = {
        name: grpc.stream_stream_rpc_method_handler(method, None, serialise) for name, method in METHODS.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.testing.TestService", handlers),))
    return server, await server.start(service.host, service.port, service.tls)
