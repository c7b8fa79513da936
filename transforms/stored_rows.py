"""Rows as Cassandra sent them: only what a rule needs is decoded, and the rest is written again as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from cassandra.cqltypes import DateType, Int32Type, LongType

from transforms.cql_values import decoder
from transforms.rules.rows import Counts, Differences, Pair, Row, StoredRow

_ORDERED = (Int32Type, LongType, DateType)
"""Types whose values are ordered as their bytes are (big-endian, of one length), but for negative ones."""

_SIGN = 0x80
"""The first bit of the first byte: from here on, a number is negative."""

_text: Callable[[Any], str] = bytes.decode


class Columns:
    """The columns of a table, and how their values are decoded."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        """Take the driver's type of each column, in the order in which they are read."""
        self.names = tuple(types)
        self._places = {name: place for place, name in enumerate(types)}
        self._decoders = [decoder(type_) for type_ in types.values()]
        self._ordered = [issubclass(type_, _ORDERED) for type_ in types.values()]

    def row(self, row: StoredRow) -> Row:
        """A whole row, decoded."""
        return {name: decode(value) for name, decode, value in zip(self.names, self._decoders, row, strict=True)}

    def distinct(self, rows: Iterable[StoredRow], *names: str) -> set[tuple[Any, ...]]:
        """The values of some columns, decoded, of rows of which many have the same."""
        decode = self.decoded(*names)
        return {decode(values) for values in set(map(self.some(*names), rows))}

    def some(self, *names: str) -> Callable[[StoredRow], StoredRow]:
        """Takes the values of some columns out of a row, undecoded."""
        places = [self._places[name] for name in names]
        return itemgetter(*places) if len(places) > 1 else lambda row: tuple(row[place] for place in places)

    def decoded(self, *names: str) -> Callable[[StoredRow], tuple[Any, ...]]:
        """Decodes what `some` takes."""
        decoders = [self._decoders[self._places[name]] for name in names]
        return lambda values: tuple([decode(value) for decode, value in zip(decoders, values, strict=True)])

    def unlike(self, names: Sequence[str]) -> Callable[[StoredRow, StoredRow], Differences]:
        """Finds which of some columns differ in two rows, as values that compare as the decoded ones do.

        Integers and timestamps stay the bytes that they are where neither is negative; all else is decoded.
        """
        some = self.some(*names)
        places = [self._places[name] for name in names]
        columns = [(name, self._ordered[at], self._decoders[at]) for name, at in zip(names, places, strict=True)]

        def differences(theirs: StoredRow, own: StoredRow) -> Differences:
            differing: Differences = {}
            for (name, ordered, decode), a, b in zip(columns, some(theirs), some(own), strict=True):
                if a != b:
                    if ordered and a and b and a[0] < _SIGN and b[0] < _SIGN:
                        differing[name] = a, b
                    else:
                        differing[name] = decode(a), decode(b)
            return differing

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
        self._key_of, self._counts_of = columns.some(*key), columns.some(*counts)
        decode = columns.decoded(*counts)

        # Most rows have the same small numbers.
        @lru_cache(maxsize=4_096)
        def decoded_counts(values: StoredRow) -> Counts:
            by_name = dict(zip(counts, decode(values), strict=True))
            return tuple(by_name.get(name) for name in counters)

        self._decoded_counts = decoded_counts
        self._no_counts: Counts = (None,) * len(counters)
        self._differences = columns.unlike(others)

    def pairs(self, from_rows: Iterable[StoredRow], to_rows: Iterable[StoredRow]) -> list[Pair]:
        """Each from row, in the order of the key, with what the to account has of the same key."""
        key_of, counts_of = self._key_of, self._counts_of
        decoded_counts = self._decoded_counts
        own_by_key = {key_of(row): row for row in to_rows}
        pairs = []
        for row in from_rows:
            stored_key = key_of(row)
            key, own = tuple(map(_text, stored_key)), own_by_key.get(stored_key)
            counts = decoded_counts(counts_of(row))
            if own is None:
                pairs.append(Pair(key, row, {}, counts, self._no_counts))
            else:
                own_counts = decoded_counts(counts_of(own))
                pairs.append(Pair(key, None, self._differences(row, own), counts, own_counts))
        pairs.sort(key=itemgetter(0))
        return pairs
