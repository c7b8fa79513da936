"""Rows as Cassandra sent them: only what a rule needs is decoded, and the rest is written again as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from struct import Struct
from typing import Any

from transforms.rules.rows import Counts, DifferingColumns, Pair, Row, StoredRow
from transforms.store.values import decoder, reader

_WRITE_TIME = Struct(">q")

_text: Callable[[Any], str] = bytes.decode


class Columns:
    """The columns of a table, and how their values are decoded."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        """Take the driver's type of each column, in the order in which they are read."""
        self.names = tuple(types)
        self._places = {name: place for place, name in enumerate(types)}
        self._decoders = [decoder(type_) for type_ in types.values()]
        self._readers = {name: reader(type_) for name, type_ in types.items()}

    def row(self, row: StoredRow) -> Row:
        """A whole row, decoded."""
        return {name: decode(value) for name, decode, value in zip(self.names, self._decoders, row, strict=True)}

    def readable(self, row: Row | StoredRow) -> Row:
        """A row, or columns of one, with times as datetimes; what was read behind the columns is left out."""
        if isinstance(row, tuple):
            row = self.row(row[: len(self.names)])
        return {name: self._readers[name](value) for name, value in row.items()}

    def distinct(self, rows: Iterable[StoredRow], *names: str) -> set[tuple[Any, ...]]:
        """The values of some columns, decoded, of rows of which many have the same."""
        decode = self.decoded(*names)
        return {decode(values) for values in set(map(self.take(*names), rows))}

    def take(self, *names: str) -> Callable[[StoredRow], StoredRow]:
        """A function that takes the values of these columns out of a row, undecoded."""
        places = [self._places[name] for name in names]
        return itemgetter(*places) if len(places) > 1 else lambda row: tuple(row[place] for place in places)

    def decoded(self, *names: str) -> Callable[[StoredRow], tuple[Any, ...]]:
        """A function that decodes the values of these columns, as `take` gives them."""
        decoders = [self._decoders[self._places[name]] for name in names]
        return lambda values: tuple([decode(value) for decode, value in zip(decoders, values, strict=True)])

    def by_account(
        self, rows: Iterable[StoredRow], account: str, from_account: str
    ) -> tuple[list[StoredRow], list[StoredRow]]:
        """The from account's rows and the to account's, of rows of both; `account` is the column of their ids."""
        place, of_from = self._places[account], from_account.encode()
        from_rows: list[StoredRow] = []
        to_rows: list[StoredRow] = []
        for row in rows:
            (from_rows if row[place] == of_from else to_rows).append(row)
        return from_rows, to_rows

    def differences(self, names: Sequence[str]) -> Callable[[StoredRow, StoredRow], DifferingColumns]:
        """A function that finds in which of these columns two rows differ; nothing else is decoded."""
        take = self.take(*names)
        columns = [(name, self._decoders[self._places[name]]) for name in names]

        def differences(from_row: StoredRow, to_row: StoredRow) -> DifferingColumns:
            return {
                name: (decode(from_value), decode(to_value))
                for (name, decode), from_value, to_value in zip(columns, take(from_row), take(to_row), strict=True)
                if from_value != to_value
            }

        return differences


class Pairing:
    """Pairs the rows of two accounts for the rules, with as little decoded as can be."""

    def __init__(self, columns: Columns, account: str, key: Sequence[str], counters: Sequence[str] = ()) -> None:
        """Take what the columns are for.

        Args:
            columns: of the table.
            account: the column of the primary key that holds the account.
            key: the others of the primary key, which are text.
            counters: those whose values are added up; they are null where the table has none of that name.
        """
        self.columns = columns
        counts = [name for name in counters if name in columns.names]
        others = [name for name in columns.names if name not in {account, *key, *counts}]
        self._key_of, self._counts_of = columns.take(*key), columns.take(*counts)
        decode = columns.decoded(*counts)

        # Most rows have the same small numbers.
        @lru_cache(maxsize=4_096)
        def decoded_counts(values: StoredRow) -> Counts:
            by_name = dict(zip(counts, decode(values), strict=True))
            return tuple(by_name.get(name) for name in counters)

        self._decoded_counts = decoded_counts
        self._no_counts: Counts = (None,) * len(counters)
        self._write_times = slice(len(columns.names), None)
        self._differences = columns.differences(others)

    def pairs(self, from_rows: Iterable[StoredRow], to_rows: Iterable[StoredRow]) -> list[Pair]:
        """Each from row, in the order of the key, with what the to account has of the same key.

        A to row may be longer than its columns: behind them are the write times that were read with it (Read).
        """
        key_of, counts_of, write_times = self._key_of, self._counts_of, self._write_times
        decoded_counts = self._decoded_counts
        to_row_of = {key_of(row): row for row in to_rows}
        pairs = []
        for row in from_rows:
            stored_key = key_of(row)
            key, to_row = tuple(map(_text, stored_key)), to_row_of.get(stored_key)
            counts = decoded_counts(counts_of(row))
            if to_row is None:
                pairs.append(Pair(key, row, None, counts, self._no_counts))
            else:
                to_counts, written_us = decoded_counts(counts_of(to_row)), _latest(to_row[write_times])
                pairs.append(Pair(key, row, self._differences(row, to_row), counts, to_counts, written_us))
        pairs.sort(key=itemgetter(0))
        return pairs


def _latest(write_times: StoredRow) -> int:
    """The latest of some write times, or 0: a column that is null has none."""
    # Those after 1970 are ordered as their bytes are.
    latest = max((time for time in write_times if time), default=None)
    return 0 if latest is None else max(_WRITE_TIME.unpack(latest)[0], 0)
