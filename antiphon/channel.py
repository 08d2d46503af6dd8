"""Every option of our gRPC channels and servers, in one place with its reason. Names that gRPC does not know are
ignored by it without a word, so tests prove each effect."""

import json
from typing import Any

Options = list[tuple[str, Any]]

KEEPALIVE_MS = 30_000  # a silent stream must survive load balancers
LARGEST_ANSWER = 8 * 1024 * 1024  # a client accepts this; pictures come in chunks far below it
LONGEST_RECONNECT_MS = 2_000  # a service that returns is found quickly
HANDSHAKE_MS = 5_000
STREAMS_A_CONNECTION = 1_024  # more wait in the client, or are refused at once when it does not care


def client_options() -> Options:
    service_config = {
        # Calls go round all replicas behind a name; one that drains is left at once.
        "loadBalancingConfig": [{"round_robin": {}}],
        # A replica that is about to end says so by its health before it takes nothing more. (Not the health of
        # InferenceService: without any deployment that can answer, the service itself says best why.)
        "healthCheckConfig": {"serviceName": "antiphon.v1.OperationsService"},
        "methodConfig": [
            {
                "name": [{"service": "antiphon.v1.InferenceService"}, {"service": "antiphon.v1.OperationsService"}],
                # Only until the first message: what comes later is the client's to judge.
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    # gRPC cancels what reaches a server in the instant in which it stops to listen.
                    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.5},
    }
    return [
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", LARGEST_ANSWER),
        ("grpc.max_send_message_length", -1),  # the server's limit decides, and says so
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", LONGEST_RECONNECT_MS),
        ("grpc.primary_user_agent", "antiphon-python"),
        ("grpc.service_config", json.dumps(service_config)),
    ]


def server_options(
    *,
    max_request_bytes: int,
    longest_stream: float,
    share_port: bool,
    connection_age: float = 1_800,
    keepalive: float = 60,
) -> Options:
    """Times in seconds. `longest_stream`: an ageing connection waits that long for its streams."""
    return [
        ("grpc.so_reuseport", int(share_port)),  # off: a second server on the port is an error, not a surprise
        ("grpc.max_receive_message_length", max_request_bytes),
        ("grpc.max_send_message_length", LARGEST_ANSWER),
        ("grpc.max_concurrent_streams", STREAMS_A_CONNECTION),
        # A connection that never says what it wants gives its place back (gRPC's own value is two minutes).
        # A window that grows with the line lets every stream that nobody reads hold megabytes. What is read gets all it needs.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        ("grpc.http2.settings_timeout", HANDSHAKE_MS),
        # What gRPC itself lets wait for a handler. Beyond the first it throws calls away at random, whoever they belong
        # to: so one connection's streams must never fill it (its own value is 1,000).
        ("grpc.server.max_pending_requests", 16 * STREAMS_A_CONNECTION),
        ("grpc.server.max_pending_requests_hard_limit", 32 * STREAMS_A_CONNECTION),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # else a client's keepalive is "too many pings"
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", int(keepalive * 1000)),  # a caller that vanished is noticed
        ("grpc.keepalive_timeout_ms", int(min(20, keepalive) * 1000)),
        ("grpc.http2.ping_timeout_ms", int(min(20, keepalive) * 1000)),  # of pings that measure the line; else a minute
        ("grpc.max_connection_age_ms", int(connection_age * 1000)),  # so that new replicas get their share
        ("grpc.max_connection_age_grace_ms", int(longest_stream * 1000) + 5_000),
    ]
