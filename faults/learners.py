"""The learner goes on learning: what the platform writes to primary accounts while the job merges into them."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable, Session

from faults.memory_tables import CONTENT_CONSUMPTION, ENROLMENTS
from transforms.rules.rows import Row

Place = tuple[str, str, str, str]
"""The primary key of a row of user_content_consumption."""

_KEY = ("userid", "courseid", "batchid", "contentid")
_PAUSE_S = 0.05
_FINISHED = 2

_READ = (
    f"SELECT viewcount FROM {CONTENT_CONSUMPTION}"
    " WHERE userid = ? AND courseid = ? AND batchid = ? AND contentid = ?"
)
_VIEW = (
    f"INSERT INTO {CONTENT_CONSUMPTION}"
    " (userid, courseid, batchid, contentid, viewcount, status, last_access_time)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_ACCESS = (
    f"UPDATE {CONTENT_CONSUMPTION} SET status = ?, last_access_time = ?"
    " WHERE userid = ? AND courseid = ? AND batchid = ? AND contentid = ?"
)
_PROGRESS = f"INSERT INTO {ENROLMENTS} (userid, courseid, batchid, progress) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"


class Learners:
    """Views contents as the platform does: it reads a row, and writes it with one view more.

    Attributes:
        views: how many views were acknowledged, by row.
        unsure: how many writes were neither acknowledged nor refused for sure, by row.
    """

    def __init__(self, session: Session, rows: Sequence[Row], seed: int, clock_ahead_s: float = 0) -> None:
        """Take the contents; nobody views anything yet.

        Args:
            session: where the tables are.
            rows: rows of user_content_consumption of the accounts that learn.
            seed: decides who views what.
            clock_ahead_s: by how much the platform's clock is ahead, in seconds.
        """
        self._session, self._ahead_us = session, int(clock_ahead_s * 1_000_000)
        self._places: list[Place] = [
            (row["userid"], row["courseid"], row["batchid"], row["contentid"]) for row in rows
        ]
        self._draw = random.Random(seed)
        self._read, self._view = session.prepare(_READ), session.prepare(_VIEW)
        self._access, self._progress = session.prepare(_ACCESS), session.prepare(_PROGRESS)
        self.views: Counter[Place] = Counter()
        self.unsure: Counter[Place] = Counter()
        self._last: dict[Place, datetime] = {}
        self._progressed: dict[tuple[str, str, str], int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._learn, name="learners", daemon=True)

    def start(self) -> None:
        """Begin to view, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """View no more, once nothing is down; whatever was written, but for views, is there then."""
        self._stopped.set()
        self._thread.join()
        for place, time_ in self._last.items():
            self._session.execute(self._access, (_FINISHED, time_, *place))
        for enrolment, progress in self._progressed.items():
            self._session.execute(self._progress, (*enrolment, progress, self._now_us()))

    def rows(self) -> dict[str, list[Row]]:
        """What the learners have done, as rows by table whose views come on top of those of before."""
        views = self.views + self.unsure
        content = [
            dict(zip(_KEY, place, strict=True))
            | {"viewcount": count, "status": _FINISHED, "last_access_time": self._last[place]}
            for place, count in views.items()
        ]
        enrolments = [
            dict(zip(_KEY[:3], place, strict=True)) | {"progress": progress}
            for place, progress in self._progressed.items()
        ]
        return {CONTENT_CONSUMPTION: content, ENROLMENTS: enrolments}

    def _learn(self) -> None:
        while not self._stopped.wait(_PAUSE_S):
            place = self._draw.choice(self._places)
            # A write that fails may have reached the tables: its view is expected, and may be missing.
            try:
                found = self._session.execute(self._read, place).one()
            except (DriverException, NoHostAvailable):
                continue
            now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
            self._last[place] = now
            count = (found["viewcount"] or 0 if found else 0) + 1
            try:
                self._session.execute(self._view, (*place, count, _FINISHED, now, self._now_us()))
                self.views[place] += 1
            except (DriverException, NoHostAvailable):
                self.unsure[place] += 1
            progress = self._progressed.get(place[:3], 100) + 1
            self._progressed[place[:3]] = progress
            try:
                self._session.execute(self._progress, (*place[:3], progress, self._now_us()))
            except (DriverException, NoHostAvailable):
                continue

    def _now_us(self) -> int:
        return time.time_ns() // 1_000 + self._ahead_us
