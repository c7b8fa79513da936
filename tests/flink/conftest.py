"""Jobs on a Flink cluster."""

from __future__ import annotations

from tests.whole.conftest import make_job

__all__ = ["make_job"]
