"""A PostgreSQL for tests: a new cluster on a free loopback port, removed after the tests."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")


def binaries() -> Path | None:
    """Where `initdb` and `pg_ctl` are, or None."""
    program = shutil.which("initdb")
    if program:
        return Path(program).parent
    candidates = [place for pattern in PLACES for place in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)]
    return next((place for place in candidates if (place / "initdb").exists()), None)


@dataclass(frozen=True)
class Cluster:
    """`stop` as a crash would, `start` again on the same port."""

    address: str
    start: Callable[[], None]
    stop: Callable[[], None]


@contextmanager
def cluster(programs: Path) -> Iterator[str]:
    """Gives "127.0.0.1:port"; everybody may connect as `antiphon`."""
    with restartable(programs) as made:
        yield made.address


@contextmanager
def restartable(programs: Path) -> Iterator[Cluster]:
    place = Path(tempfile.mkdtemp(prefix="antiphon-pg-"))
    account = _account()
    if account is not None:
        os.chown(place, account.pw_uid, account.pw_gid)
    data, port = place / "data", _free_port()

    def run(program: str, *arguments: str) -> None:
        # Changed by a program and not by `user=`: that would fork this process, which gRPC's threads do not survive.
        become = (
            ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"] if account else []
        )
        command = [*become, str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=place)

    options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c shared_buffers=16MB"
    try:
        run("initdb", "-U", "antiphon", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        start = partial(run, "pg_ctl", "-w", "-l", str(place / "log"), "-o", options, "start")
        stop = partial(run, "pg_ctl", "-w", "-m", "immediate", "stop")
        start()
        try:
            yield Cluster(f"127.0.0.1:{port}", start, stop)
        finally:
            stop()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def fresh_name() -> str:
    return f"t{secrets.token_hex(6)}"


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: then it runs as somebody with fewer rights."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
