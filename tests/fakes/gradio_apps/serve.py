"""Serves the stand-ins on free loopback ports and prints their addresses as one line of JSON.

A door beside them lets a test look and act without clocks: GET /release lets waiting functions
go on, /hold makes them wait again, /counts?started=3 answers once three calls have started.
Ends when its standard input is closed, so that no process outlives its test.
"""

import json
import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

import stage

if stage.MAJOR > 3:
    import shapes


class Door(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urlsplit(self.path)
        match asked.path:
            case "/release":
                stage.release.set()
            case "/hold":
                stage.release.clear()
        wanted = {name: int(number) for name, number in parse_qsl(asked.query)}
        with stage.counting:
            stage.counting.wait_for(lambda: all(stage.counts[name] >= wanted[name] for name in wanted), timeout=30)
            body = json.dumps(stage.counts).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing: standard output carries one line only."""


def launch(app, **more):
    """On a port that is free now; another process may be quicker, so a few are tried."""
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            _, url, _ = app.launch(
                server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, **more
            )
        except OSError:
            continue
        return url.rstrip("/")
    raise OSError("no port was free")


def main():
    addresses = {}
    apps = {
        "janus": stage.janus(),
        "flux-dev": stage.flux(dev=True),
        "flux-schnell": stage.flux(dev=False),
        "chat": stage.chat(),
        "interface": stage.interface(),
    }
    talking, sys.stdout = sys.stdout, sys.stderr
    if stage.MAJOR > 3:
        apps |= {"chats": shapes.chats(), "studio": shapes.studio()}
        addresses["locked"] = launch(shapes.locked(), auth=(shapes.USER, shapes.PASSWORD))
    for name, app in apps.items():
        addresses[name] = launch(app)
    door = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    addresses["door"] = f"http://127.0.0.1:{door.server_port}"
    print(json.dumps(addresses), file=talking, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
