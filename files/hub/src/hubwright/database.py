"""SQLite as the hub needs it."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

BUSY_TIMEOUT = 10_000
"""Milliseconds a connection waits for another's lock before it gives up."""


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Let readers (backups, `sqlite3` in a shell) work beside the hub; JupyterHub sets neither by itself."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")
