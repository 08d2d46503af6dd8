"""grpc.reflection v1 and v1alpha. Their messages are identical on the wire; the library only has the old name."""

import asyncio
import contextlib
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2

from inference_service import transport
from inference_service.api.anonymous import AnonymousAccess

V1ALPHA, V1 = reflection.SERVICE_NAME, "grpc.reflection.v1.ServerReflection"
Context = transport.Call


class _Pool:
    """The descriptor pool with every symbol of the contract. Python's own pool finds neither methods nor nested names."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._pool: Any = descriptor_pool.Default()
        self._files: dict[str, FileDescriptor] = {}
        for name in names:
            with contextlib.suppress(KeyError):  # v1 of reflection is served, but has no descriptor here
                self._add(self._pool.FindServiceByName(name).file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - the pool's interface
        """Raises KeyError."""
        return self._files.get(symbol) or self._pool.FindFileContainingSymbol(symbol)

    def _add(self, file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            self._add(dependency)
        for service in file.services_by_name.values():
            self._enter(file, service, *service.methods)
        for message in file.message_types_by_name.values():
            self._add_message(file, message)
        for enum in file.enum_types_by_name.values():
            self._add_enum(file, enum)
        self._enter(file, *file.extensions_by_name.values())

    def _add_message(self, file: FileDescriptor, message: Descriptor) -> None:
        self._enter(file, message, *message.fields, *message.oneofs, *message.extensions)
        for nested in message.nested_types:
            self._add_message(file, nested)
        for enum in message.enum_types:
            self._add_enum(file, enum)

    def _add_enum(self, file: FileDescriptor, enum: EnumDescriptor) -> None:
        self._enter(file, enum)
        scope = enum.full_name.rpartition(".")[0]  # values are siblings of their type
        self._files.update({f"{scope}.{value.name}": file for value in enum.values})

    def _enter(self, file: FileDescriptor, *symbols: Any) -> None:
        self._files.update({symbol.full_name: file for symbol in symbols})


class Reflection:
    """The library's servicer finds the answers; it is synchronous, so the streams are handled here."""

    def __init__(self, names: tuple[str, ...], access: AnonymousAccess, closed: asyncio.Event) -> None:
        self._access, self._closed = access, closed
        self._answers = reflection.ReflectionServicer(names, _Pool(names))

    async def info(self, context: Context) -> None:
        """Ends when the caller has no more requests, is silent for too long, or the service closes."""
        async with self._access.stream(context):
            closed = asyncio.ensure_future(self._closed.wait())
            try:
                while (request := await self._next(context, closed)) is not None:
                    answers = self._answers.ServerReflectionInfo(iter([request]), context)  # type: ignore[arg-type] # it is not used
                    for answer in answers:
                        await context.write(answer)
            finally:
                closed.cancel()

    async def _next(self, context: Context, closed: asyncio.Future[Any]) -> Any:
        reading = asyncio.ensure_future(self._access.read(context, reflection_pb2.ServerReflectionRequest))
        try:
            await asyncio.wait({reading, closed}, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            reading.cancel()
