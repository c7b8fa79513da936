"""The rights of docs/security.md, and no more."""

from __future__ import annotations

from collections.abc import Iterator

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from faults.job import Job
from faults.memory_tables import KEYS
from tests.security.services import REPLAYER, SUPPORT, USER
from transforms.store.merge_history import HISTORY_TABLE

_READ, _WRITE = ACLOperation.READ, ACLOperation.WRITE
_DESCRIBE = ACLOperation.DESCRIBE
_LOOK = _DESCRIBE, ACLOperation.DESCRIBE_CONFIGS


def grant_rights(job: Job) -> None:
    """Grant what the job, a replay and the commands of operators need of its topics, its group and its tables."""
    admin = KafkaAdminClient(bootstrap_servers=job.services.kafka_address, **job.kafka_client)
    try:
        granted = admin.create_acls(list(_of_kafka(job)))
        assert not granted["failed"], granted
    finally:
        admin.close()
    for table in (*KEYS, HISTORY_TABLE):
        for right, user in (("SELECT", USER), ("MODIFY", USER), ("SELECT", SUPPORT)):
            job.session.execute(f"GRANT {right} ON {job.session.keyspace}.{table} TO {user}")
    job.session.execute(f"GRANT MODIFY ON {job.session.keyspace}.{HISTORY_TABLE} TO {SUPPORT}")


def _of_kafka(job: Job) -> Iterator[ACL]:
    topic, group = ResourceType.TOPIC, ResourceType.GROUP
    yield from _rights(USER, topic, job.input_topic, _READ, _WRITE, *_LOOK)
    yield from _rights(USER, group, job.group, _READ)
    for output in (job.sync_topic, job.failed_topic):
        yield from _rights(USER, topic, output, _WRITE, *_LOOK)
    yield from _rights(REPLAYER, topic, job.failed_topic, _READ, *_LOOK)
    yield from _rights(REPLAYER, topic, job.input_topic, _READ, _WRITE, *_LOOK)
    yield from _rights(SUPPORT, topic, job.input_topic, _READ, _WRITE)
    yield from _rights(SUPPORT, topic, job.failed_topic, _READ)
    yield from _rights(SUPPORT, group, job.group, _DESCRIBE)


def _rights(user: str, kind: ResourceType, name: str, *operations: ACLOperation) -> Iterator[ACL]:
    resource = ResourcePattern(kind, name)
    return (ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, resource) for operation in operations)
