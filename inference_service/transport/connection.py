"""The HTTP/2 library with the limits of a gRPC server."""

from typing import Any

import jh2.frame_buffer
from jh2.config import H2Configuration
from jh2.connection import H2Connection
from jh2.hyperframe.frame import GoAwayFrame
from jh2.settings import SettingCodes, Settings

from antiphon.channel import STREAMS_A_CONNECTION
from inference_service.transport.frames import LARGEST
from inference_service.transport.hpack import CheckedDecoder
from inference_service.transport.inbox import WINDOW

CONFIGURATION = H2Configuration(
    client_side=False,
    header_encoding=None,
    validate_outbound_headers=False,  # all outgoing headers are built in one place
    normalize_outbound_headers=False,
    validate_inbound_headers=False,  # the library closes the whole connection for an error in one stream
    normalize_inbound_headers=False,
)
METADATA, MOST_METADATA = (
    16 * 1024,
    1280 * 1024,
)  # bytes; above the first the call is refused, above the second the connection ends
jh2.frame_buffer.CONTINUATION_BACKLOG = MOST_METADATA // LARGEST
TABLE = 4_096  # bytes of header compression state, whatever the caller asks for
LARGEST_SENT = 64 * 1024  # lets other calls share the connection with a large message
# :status 200 and content-type application/grpc, from the static table and as a literal without indexing.
RESPONSE = b"\x88\x0f\x10\x10application/grpc"
RESPONSE_HEAD = len(RESPONSE).to_bytes(3, "big") + b"\x01\x04"  # HEADERS, END_HEADERS
SETTINGS = frozenset(SettingCodes)


class Connection(H2Connection):  # type: ignore[misc] # the library has no types
    MAX_CLOSED_STREAMS = 1_000

    def __init__(self) -> None:
        super().__init__(CONFIGURATION)
        limits = {
            SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS_A_CONNECTION,
            SettingCodes.MAX_HEADER_LIST_SIZE: METADATA,
            SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
            SettingCodes.HEADER_TABLE_SIZE: TABLE,
        }
        self.local_settings = Settings(client=False, initial_values=limits)
        # The defaults of RFC 9113 apply until the caller changes them; the library assumes those of browsers.
        silent = {SettingCodes.INITIAL_WINDOW_SIZE: WINDOW, SettingCodes.HEADER_TABLE_SIZE: TABLE}
        self.remote_settings = Settings(client=True, initial_values=silent)
        self.decoder = CheckedDecoder(TABLE, MOST_METADATA)
        self._sweep_at = 32

    @property
    def open_inbound_streams(self) -> int:
        """Always 0: the library would close the connection of a caller with too many streams; the session refuses the stream."""
        if len(self.streams) >= self._sweep_at:
            self.forget_closed()
        return 0

    def forget_closed(self) -> None:
        self._open_streams(1)
        self._sweep_at = 2 * len(self.streams) + 32

    def room(self, stream: int) -> int:
        """Bytes that one frame of this stream may carry now."""
        window = min(self.streams[stream].outbound_flow_control_window, self.outbound_flow_control_window)
        return int(min(window, self.max_outbound_frame_size, LARGEST_SENT))

    def send_response(self, stream: int) -> None:
        """Sends response headers, which are the same for every answer. To the library the trailers alone are the response."""
        self._data_to_send += RESPONSE_HEAD + stream.to_bytes(4, "big") + RESPONSE

    def send_message(self, stream: int, data: bytes | memoryview) -> None:
        """Sends a frame that fits into `room`. The library's own method costs as much as the rest of an answer together."""
        self._data_to_send += len(data).to_bytes(3, "big") + b"\x00\x00" + stream.to_bytes(4, "big")
        self._data_to_send += data
        self.streams[stream].outbound_flow_control_window -= len(data)
        self.outbound_flow_control_window -= len(data)

    def bound(self, changed: dict[Any, Any]) -> None:
        """Limits the state that a caller's settings can create."""
        if SettingCodes.HEADER_TABLE_SIZE in changed:
            self.encoder.header_table_size = min(TABLE, changed[SettingCodes.HEADER_TABLE_SIZE].new_value)
        for unknown in changed.keys() - SETTINGS:
            del self.remote_settings[unknown]


def goaway(last_stream: int, code: int = 0, text: str = "") -> bytes:
    """A GOAWAY frame that lets running streams finish. The library's own closes the connection at once."""
    frame = GoAwayFrame(0, last_stream_id=last_stream, error_code=code, additional_data=text.encode())
    return bytes(frame.serialize())
