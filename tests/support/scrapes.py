"""What Prometheus scrapes of a cluster and of a Kafka exporter, and what relabelings make of it."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from faults.cluster import LocalCluster
from faults.job import Job
from local.settings import HOST


def parse(text: str) -> list[Sample]:
    """The samples of a text in Prometheus's format."""
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def text(samples: Iterable[Sample]) -> str:
    """The samples as a text in Prometheus's format, a line each."""
    return "".join(sorted(f"{series(sample)} {sample.value:.15g}\n" for sample in samples))


def series(sample: Sample) -> str:
    """The sample's series, as PromQL writes it."""
    labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}}"


def scrape_flink(cluster: LocalCluster) -> list[Sample]:
    """All that the cluster's servers show; of one that is down, nothing."""
    samples = []
    for port in cluster.settings.metrics_ports.values():
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=30) as answer:
            samples += parse(answer.read().decode())
    return samples


def scrape_kafka(job: Job) -> list[Sample]:
    """What kafka_exporter shows of the job's input topic and group: what the broker answers, by its rules."""
    consumer = KafkaConsumer(
        bootstrap_servers=job.services.kafka_address, group_id=job.group, enable_auto_commit=False
    )
    try:
        partitions = [TopicPartition(job.input_topic, number) for number in range(job.partitions)]
        ends, beginnings = consumer.end_offsets(partitions), consumer.beginning_offsets(partitions)
        samples = []
        for partition in partitions:
            committed = consumer.committed(partition)
            offset = -1 if committed is None else committed
            lag = -1 if committed is None else ends[partition] - committed
            of_topic = {"topic": job.input_topic, "partition": str(partition.partition)}
            of_group = {**of_topic, "consumergroup": job.group}
            samples += [
                Sample("kafka_topic_partition_current_offset", of_topic, ends[partition]),
                Sample("kafka_topic_partition_oldest_offset", of_topic, beginnings[partition]),
                Sample("kafka_consumergroup_current_offset", of_group, offset),
                Sample("kafka_consumergroup_lag", of_group, lag),
            ]
        return samples
    finally:
        consumer.close()


def relabelled(samples: Iterable[Sample], relabelings: Iterable[Mapping[str, Any]]) -> list[Sample]:
    """The samples after relabelings of the kinds that the PodMonitor has: `drop`, and `replace`, the default."""
    rules = list(relabelings)
    return [kept for sample in samples if (kept := _relabelled(sample, rules)) is not None]


def _relabelled(sample: Sample, rules: list[Mapping[str, Any]]) -> Sample | None:
    labels = {"__name__": sample.name, **sample.labels}
    for rule in rules:
        matched = re.fullmatch(rule["regex"], ";".join(labels.get(label, "") for label in rule["sourceLabels"]))
        if matched is None:
            continue
        if rule.get("action") == "drop":
            return None
        labels[rule["targetLabel"]] = matched.expand(rule.get("replacement", r"\1"))
    return sample._replace(name=labels.pop("__name__"), labels=labels)
