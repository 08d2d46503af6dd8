"""The transport of grpcio: the C core, with a poller thread of its own."""

from collections.abc import Iterable

import grpc

from antiphon.channel import server_options
from antiphon.config.model import Service, Tls
from inference_service import tls as certificates


class GrpcioServer:
    def __init__(self, service: Service) -> None:
        self._server = grpc.aio.server(
            options=server_options(
                max_request_bytes=service.max_request_bytes,
                longest_stream=max(service.chat_deadline, service.image_deadline),
                share_port=service.workers > 1,
                connection_age=service.connection_age,
                keepalive=service.keepalive,
            )
        )

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        self._server.add_generic_rpc_handlers(tuple(handlers))

    async def start(self, host: str, port: int, tls: Tls | None) -> int:
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if tls is not None:
                bound = self._server.add_secure_port(address, certificates.credentials(tls))
            else:
                bound = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot bind {address}") from error
        await self._server.start()
        return bound

    async def stop(self, grace: float | None) -> None:
        await self._server.stop(grace)
