"""Memory over restarts: rows of text by pool and key in one SQLite file, written behind by a dedicated thread.

Whatever is wrong with the file, the service starts: a broken file is set aside, an unusable one leaves the service
without memory, and `problem` says so in words for people.
"""

import os
import queue
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from antiphon.config.secrets import config_home
from inference_service.credentials.saved import Rows

log = structlog.get_logger(__name__)
VERSION = 1
FILE = "limits.sqlite3"
FOLDER = ".antiphon"
KEPT = 62 * 86_400.0  # rows of credentials that have been unused for so long are dropped


def state_directory(directory: Path | None, path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """As configured, else next to a project's configuration file, else in the user's own directory; None if there is none."""
    if directory is not None:
        return directory
    if path is not None and path.absolute().parent != config_home(environ):
        return path.absolute().parent / FOLDER
    if base := environ.get("XDG_STATE_HOME"):
        return Path(base) / "antiphon"
    home = environ.get("HOME")
    return Path(home) / ".local" / "state" / "antiphon" if home else None


def _lock(descriptor: int) -> None:
    """Raises BlockingIOError if another process holds the lock."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - exists on Windows only

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
    else:
        import fcntl  # noqa: PLC0415 - does not exist on Windows

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class LedgerProblem(Exception):
    """The file cannot be used; the message says why and what to do."""


class LimitLedger:
    """`load` once, `write` whenever something changed, `close` at the end. Only `load` and `close` wait for the disk."""

    def __init__(self, directory: Path, now: Callable[[], float] = time.time) -> None:
        self.path = directory / FILE
        self.problem = ""
        self._now = now
        self._lock = -1
        self._rows: dict[str, Rows] = {}
        self._news: queue.SimpleQueue[tuple[str, Rows] | None] = queue.SimpleQueue()
        self._written: dict[tuple[str, str], bytes] = {}
        self._thread: threading.Thread | None = None
        self._writes = False
        try:
            self._open()
        except LedgerProblem as problem:
            self._without(str(problem))

    @property
    def works(self) -> bool:
        return self._writes

    def load(self, pool: str) -> Rows:
        return self._rows.get(pool, {})

    def write(self, pool: str, rows: Rows) -> None:
        """Returns at once; the rows reach the disk a moment later."""
        if self._writes:
            self._news.put((pool, rows))

    def close(self) -> None:
        if self._thread is not None:
            self._news.put(None)
            self._thread.join(timeout=10)
            self._thread = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # --- opening -------------------------------------------------------------------------------

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            _lock(self._lock)
        except BlockingIOError as error:
            raise LedgerProblem(
                f"{self.path} is in use by another process; give it a state.directory of its own"
            ) from error
        except OSError as error:
            raise LedgerProblem(
                f"{self.path.parent} cannot be written ({error.strerror}); set state.directory to a folder that can"
            ) from error
        try:
            self._rows = self._read()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and not _is_corrupt(error):
                raise LedgerProblem(
                    f"{self.path} cannot be written ({error}); its permissions must allow it"
                ) from error
            self._set_aside(error)
            self._rows = self._read()
        self._written = {(pool, key): text for pool, rows in self._rows.items() for key, text in rows.items()}
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._writes = True
        self._thread.start()

    def _read(self) -> dict[str, Rows]:
        """Everything that is remembered; creates the file if it does not exist."""
        connection = self._connect()
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise LedgerProblem(
                    f"{self.path} was written by a newer version of Antiphon ({version}; this one knows {VERSION}); "
                    "update, or move the file away"
                )
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS rows (pool TEXT, key TEXT, value BLOB, at REAL, PRIMARY KEY (pool, key))"
            )
            connection.execute(f"PRAGMA user_version={VERSION}")
            connection.execute("DELETE FROM rows WHERE at < ?", (self._now() - KEPT,))
            connection.commit()
            rows: dict[str, Rows] = {}
            for pool, key, value in connection.execute("SELECT pool, key, value FROM rows"):
                rows.setdefault(pool, {})[key] = value if isinstance(value, bytes) else str(value).encode()
            return rows
        finally:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=5)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _set_aside(self, error: Exception) -> None:
        aside = self.path.with_suffix(f".broken-{int(self._now())}")
        log.error("the remembered limits cannot be read; starting without them", file=str(self.path), kept=str(aside))
        try:
            self.path.rename(aside)
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        except OSError as reason:
            raise LedgerProblem(
                f"{self.path} is broken ({error}) and cannot be moved away: {reason.strerror}"
            ) from reason

    def _without(self, problem: str) -> None:
        self.problem = f"Limits are not remembered over a restart: {problem}."
        log.warning("limits are not remembered over a restart", reason=problem)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # --- writing -------------------------------------------------------------------------------

    def _work(self) -> None:
        """The thread: takes what is pending and writes it in one transaction."""
        try:
            connection = self._connect()
        except sqlite3.Error as error:
            self._failed(error)
            return
        try:
            while self._write_next(connection):
                pass
        except sqlite3.Error as error:
            self._failed(error)
        finally:
            connection.close()

    def _write_next(self, connection: sqlite3.Connection) -> bool:
        batch: dict[tuple[str, str], bytes] = {}
        last = False
        news = self._news.get()
        while True:
            if news is None:
                last = True
                break
            pool, rows = news
            batch |= {(pool, key): text for key, text in rows.items() if self._written.get((pool, key)) != text}
            try:
                news = self._news.get_nowait()
            except queue.Empty:
                break
        if batch:
            at = self._now()
            values = [(pool, key, text, at) for (pool, key), text in batch.items()]
            with connection:
                connection.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", values)
            self._written |= batch
        return not last

    def _failed(self, error: sqlite3.Error) -> None:
        self._writes = False
        self.problem = f"Limits are no longer remembered over a restart: {self.path} cannot be written ({error})."
        log.error("limits are no longer remembered over a restart", file=str(self.path), reason=str(error))


def _is_corrupt(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
