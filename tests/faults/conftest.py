"""Jobs on a Flink cluster whose Kafka and Cassandra may be killed too."""

from __future__ import annotations

import dataclasses

import pytest

from faults.cluster import LocalCluster
from local.service import Service
from tests.whole.conftest import make_job

__all__ = ["make_job"]


@pytest.fixture
def whole_cluster(cluster: LocalCluster, kafka_service: Service, cassandra_service: Service) -> LocalCluster:
    more = {service.name: service for service in (kafka_service, cassandra_service)}
    return dataclasses.replace(cluster, services=cluster.services | more)
