"""Publishes merge events again: what a merge left undone, the job then does."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

from pipeline.configuration.variables import KafkaSettings
from pipeline.operators.merges import Merge
from pipeline.replay.publisher import open_producer
from transforms.messages import merge_event
from transforms.parse_merge_event import REPLAYED_FROM
from transforms.strict_json import write_json

_CONFIRMED_WITHIN_S = 60
_VERIFY = b"verify"


def publish_again(kafka: KafkaSettings, merges: Iterable[Merge]) -> dict[tuple[str, str], str]:
    """Publish an event for each merge, with the log's mid, so that requests are recognised as repeated.

    Returns:
        of each pair of accounts the position of its event, as Source.id.

    Raises:
        ConfigError: if the brokers cannot be reached.
        KafkaError: if one of them cannot be published.
    """
    now_ms = int(time.time() * 1000)
    with open_producer(kafka) as producer:
        sent = {}
        for merge in merges:
            mid = merge.mid or f"LP.{now_ms}.{uuid.uuid4()}"
            value = write_json(merge_event(merge.from_account, merge.into_account, mid, now_ms))
            future = producer.send(kafka.input_topic, value, headers=[(REPLAYED_FROM, _VERIFY)])
            sent[merge.from_account, merge.into_account] = future
        placed = {pair: future.get(_CONFIRMED_WITHIN_S) for pair, future in sent.items()}
    return {pair: f"{at.topic}-{at.partition}-{at.offset}" for pair, at in placed.items()}
