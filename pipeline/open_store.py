"""The store as a command has it: connected, with every table looked up before anything is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.configuration.errors import ConfigError, ServiceError
from transforms.settings import CassandraSettings, MergeSettings
from transforms.store.errors import SchemaError, StoreError, TransientError
from transforms.store.session import Store
from transforms.table_merges import stored_tables


@contextmanager
def open_store(cassandra: CassandraSettings, merge: MergeSettings) -> Iterator[Store]:
    """The store, which is closed at the end.

    Args:
        cassandra: where it is.
        merge: which of the job's own tables are looked up too.

    Raises:
        ServiceError: if Cassandra does not answer.
        ConfigError: if it refuses the credentials or TLS, or lacks a table.
    """
    store = Store(cassandra)
    try:
        _check(store, cassandra, merge)
        yield store
    finally:
        store.close()


def _check(store: Store, cassandra: CassandraSettings, merge: MergeSettings) -> None:
    try:
        store.check(stored_tables(merge))
    except SchemaError as e:
        raise ConfigError(str(e)) from e
    except StoreError as e:
        tls = "on" if cassandra.ssl_enabled else "off"
        msg = (
            f"lms-cassandra.host: {','.join(cassandra.hosts)}:{cassandra.port} cannot be used "
            f"(lms-cassandra.ssl.enabled is {tls}): {e}"
        )
        raise (ServiceError if _may_pass(e) else ConfigError)(msg) from e


def _may_pass(error: StoreError) -> bool:
    """Whether it may pass by itself: whatever is no refusal of Cassandra's."""
    text = str(error)
    # A node that cannot read the logins, as long as other nodes are away, refuses them too, and says why.
    is_refused = "SSL" in text or ("uthenticat" in text and "consistency" not in text)
    return isinstance(error, TransientError) and not is_refused
