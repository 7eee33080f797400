"""The queue's own tables and how their database is opened: SQLite or Postgres.

They lie beside DBOS's tables. Nothing here is particular to SQLite but the journal mode.
"""

from __future__ import annotations

import json
import os
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from ..config.errors import DaemonError, SettingsError

_DRIVERS = {
    "sqlite": "sqlite",
    **dict.fromkeys(("postgres", "postgresql", "postgresql+psycopg"), "postgresql+psycopg"),
}


class _Path(sa.types.TypeDecorator[str]):
    """A path as its bytes, so that names which are no UTF-8 come back as they were."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else os.fsdecode(value)


class _Json(sa.types.TypeDecorator[Any]):
    """ASCII JSON: takes what a path may hold, on every database."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


_METADATA = sa.MetaData()

JOBS = sa.Table(
    "jobs",
    _METADATA,
    sa.Column("id", sa.String(64), primary_key=True),  # <digest>-<number>
    sa.Column("digest", sa.String(32), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("path", _Path, nullable=False, index=True),
    sa.Column("output_dir", _Path, nullable=False),
    sa.Column("content_digest", sa.String(128), nullable=False),
    sa.Column("request_text", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("stage", sa.String(64)),
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("outcome", sa.String(16)),
    sa.Column("reason", sa.Text),
    sa.Column("verdict", sa.String(16)),
    sa.Column("route", sa.String(32)),
    sa.Column("output", _Path),
    sa.Column("receipt", _Path),
    sa.Column("summary", _Json),
    sa.Column("created", sa.Float(53), nullable=False),
    sa.Column("started", sa.Float(53)),
    sa.Column("finished", sa.Float(53)),
    sa.Column("finish_number", sa.Integer, index=True),  # in order of ending, from 1
)

OFFERS = sa.Table(
    "offers",
    _METADATA,
    sa.Column("job", sa.String(64), primary_key=True),  # whose receipt makes the offer
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("offer", _Json, nullable=False),  # as on the receipt
    sa.Column("successor", sa.String(64)),  # the job that an approval began
)
"""Offers to render a clip again, a row for each job whose receipt makes one."""

SEEN = sa.Table(
    "seen",
    _METADATA,
    sa.Column("path", _Path, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(128)),  # of the content; NULL: it lay there before the first start and is left alone
)

FOLDERS = sa.Table("folders", _METADATA, sa.Column("path", _Path, primary_key=True), sa.Column("started", sa.Float(53), nullable=False))

NOTES = sa.Table("notes", _METADATA, sa.Column("key", sa.String(64), primary_key=True), sa.Column("value", _Json))


def open_engine(url: str) -> sa.Engine:
    """An engine for the database of the settings; ``postgresql://`` means psycopg 3, as with DBOS. Raises SettingsError."""
    parsed = parse_url(url)
    return sa.create_engine(parsed, connect_args={"timeout": 30} if parsed.drivername == "sqlite" else {})


def create_tables(engine: sa.Engine) -> None:
    """Make the tables that are absent. A SQLite file gets its write-ahead journal here, before anybody else opens it.

    Raises DaemonError when the database cannot be used.
    """
    try:
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                connection.execute(sa.text("PRAGMA journal_mode=WAL"))
        _METADATA.create_all(engine)
    except DBAPIError as error:
        raise unusable(engine, error) from error


def parse_url(url: str) -> sa.URL:
    """Raises SettingsError for what is no database that the queue can use."""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        parsed = sa.URL.create("unknown")
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise SettingsError(
            "'queue.database' is no database that the queue can use. Write sqlite:////folder/file.sqlite or postgresql://user@host/name, "
            "or leave it out."
        )
    return parsed.set(drivername=driver)


def unusable(engine: sa.Engine, error: DBAPIError) -> DaemonError:
    """What to tell when the database refuses."""
    return DaemonError(
        f"The queue's database cannot be used ({error.orig}). Check 'queue.database' in the settings; a broken SQLite file can be moved "
        "away, 'deshimmer history rebuild' then reads the history from the receipts.",
        path=engine.url.database if engine.dialect.name == "sqlite" else None,
    )
