"""gRPC on the wire: one interface for the doors, and two libraries that speak it."""

from antiphon.config.model import Service
from inference_service.transport.interface import Call, Server


def new_server(service: Service) -> Server:
    """The server that `service.transport` names."""
    if service.transport == "h2":
        from inference_service.transport.server import H2Server  # noqa: PLC0415 - the other transport needs none of it

        return H2Server(service)
    from inference_service.transport.grpcio import GrpcioServer  # noqa: PLC0415

    return GrpcioServer(service)


__all__ = ["Call", "Server", "new_server"]
