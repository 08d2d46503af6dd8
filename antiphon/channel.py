"""Every option of our gRPC channels and servers, in one place, with its reason. gRPC silently ignores names that it
does not know, so a test proves the effect of each."""

import json
from typing import Any

Options = list[tuple[str, Any]]

KEEPALIVE_MS = 30_000  # keeps a silent stream alive through load balancers
LARGEST_ANSWER = 8 * 1024 * 1024  # a client accepts this much; picture chunks are far smaller
LONGEST_RECONNECT_MS = 2_000  # a restarted service is found quickly
HANDSHAKE_MS = 5_000
STREAMS_A_CONNECTION = 1_024  # further calls wait in the client; a client that ignores the limit gets them refused


def client_options() -> Options:
    service_config = {
        # Spreads calls over all replicas behind a name, and leaves a draining replica at once.
        "loadBalancingConfig": [{"round_robin": {}}],
        # A replica that is about to stop reports it by its health before it refuses calls. (This is not the health of
        # InferenceService: if no deployment can answer, the error from the service explains it best.)
        "healthCheckConfig": {"serviceName": "antiphon.v1.OperationsService"},
        "methodConfig": [
            {
                "name": [{"service": "antiphon.v1.InferenceService"}, {"service": "antiphon.v1.OperationsService"}],
                # Applies until the first message only; later failures are for the client to judge.
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    # gRPC cancels calls that reach a server in the instant it stops listening.
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
        ("grpc.max_send_message_length", -1),  # the server's limit applies, and its error names it
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
    """Times in seconds. `longest_stream`: how long a connection past its age waits for its streams."""
    return [
        (
            "grpc.so_reuseport",
            int(share_port),
        ),  # off: a second server on the port is an error instead of a silent competitor
        ("grpc.max_receive_message_length", max_request_bytes),
        ("grpc.max_send_message_length", LARGEST_ANSWER),
        ("grpc.max_concurrent_streams", STREAMS_A_CONNECTION),
        # A window that grows with the bandwidth lets every unread stream hold megabytes. Streams that are read do not need it.
        ("grpc.http2.bdp_probe", 0),
        # A connection that never finishes its handshake gives up its slot (gRPC's default is two minutes).
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        ("grpc.http2.settings_timeout", HANDSHAKE_MS),
        # Calls that gRPC queues for a handler. Above the first limit it drops calls at random, no matter whose they are,
        # so the streams of one connection must never fill the queue (gRPC's default is 1,000).
        ("grpc.server.max_pending_requests", 16 * STREAMS_A_CONNECTION),
        ("grpc.server.max_pending_requests_hard_limit", 32 * STREAMS_A_CONNECTION),
        (
            "grpc.http2.min_ping_interval_without_data_ms",
            10_000,
        ),  # otherwise gRPC answers a client's keepalive with "too many pings"
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", int(keepalive * 1000)),  # detects callers that vanished
        ("grpc.keepalive_timeout_ms", int(min(20, keepalive) * 1000)),
        (
            "grpc.http2.ping_timeout_ms",
            int(min(20, keepalive) * 1000),
        ),  # for pings that measure the connection; the default is a minute
        ("grpc.max_connection_age_ms", int(connection_age * 1000)),  # lets new replicas get their share
        ("grpc.max_connection_age_grace_ms", int(longest_stream * 1000) + 5_000),
    ]
