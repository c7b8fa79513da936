"""Kafka and Cassandra, for real: they keep what they were given, whatever ends them."""

import dataclasses
import socket
from pathlib import Path

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Session
from cassandra.connection import ConnectionShutdown
from cassandra.policies import RetryPolicy
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from faults.cluster import wait_until
from local import ports, schema, services, topics
from local.service import Service
from local.settings import LocalSettings

TABLES = {
    "user_content_consumption": {
        **dict.fromkeys(["userid", "courseid", "batchid", "contentid", "progressdetails"], "text"),
        **dict.fromkeys(["lastaccesstime", "lastcompletedtime", "lastupdatedtime"], "text"),
        **dict.fromkeys(["completedcount", "progress", "status", "viewcount"], "int"),
        "completionpercentage": "float",
        **dict.fromkeys(["datetime", "last_access_time", "last_completed_time", "last_updated_time"], "timestamp"),
    },
    "user_enrolments": {
        **dict.fromkeys(["userid", "courseid", "batchid", "addedby", "enrolleddate", "lastreadcontentid"], "text"),
        "active": "boolean",
        **dict.fromkeys(["certificates", "issued_certificates"], "list<frozen<map<text, text>>>"),
        **dict.fromkeys(["completedon", "datetime", "enrolled_date", "lastcontentaccesstime"], "timestamp"),
        **dict.fromkeys(
            ["certstatus", "completionpercentage", "lastreadcontentstatus", "progress", "status"], "int"
        ),
        "contentstatus": "map<text, int>",
    },
    "user_activity_agg": {
        **dict.fromkeys(["activity_type", "activity_id", "user_id", "context_id"], "text"),
        "agg": "map<text, int>",
        "agg_details": "list<text>",
        "agg_last_updated": "map<text, timestamp>",
        "aggregates": "map<text, double>",
    },
    "assessment_aggregator": {
        **dict.fromkeys(["user_id", "course_id", "batch_id", "content_id", "attempt_id", "grand_total"], "text"),
        **dict.fromkeys(["created_on", "last_attempted_on", "updated_on"], "timestamp"),
        "question": "list<frozen<question>>",
        **dict.fromkeys(["total_max_score", "total_score"], "double"),
    },
    "user_content_merge_facts": {
        **dict.fromkeys(["userid", "courseid", "batchid", "originid", "fact", "mid"], "text"),
        **dict.fromkeys(["viewcounts", "completedcounts"], "frozen<map<text, int>>"),
        "recorded_on": "timestamp",
    },
    "user_merge_log": {**dict.fromkeys(["userid", "intoid", "mid"], "text"), "merged_on": "timestamp"},
    "user_merge_history": {
        **dict.fromkeys(["userid", "mid", "fromid", "outcome", "cause", "source", "version"], "text"),
        **dict.fromkeys(["started_on", "ended_on"], "timestamp"),
        **dict.fromkeys(["rows_read", "rows_written"], "frozen<map<text, int>>"),
        **dict.fromkeys(["requests", "followups"], "int"),
        "path": "frozen<list<text>>",
    },
}
KEYS = {
    "user_content_consumption": (["userid"], ["courseid", "batchid", "contentid"]),
    "user_enrolments": (["userid"], ["courseid", "batchid"]),
    "user_activity_agg": (["activity_type", "activity_id", "user_id"], ["context_id"]),
    "assessment_aggregator": (["user_id", "course_id"], ["batch_id", "content_id", "attempt_id"]),
    "user_content_merge_facts": (["userid"], ["courseid", "batchid", "originid", "fact"]),
    "user_merge_log": (["userid"], ["intoid"]),
    "user_merge_history": (["userid"], ["ended_on", "mid", "fromid"]),
}


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_are_those_of_the_design(table: str, cassandra_session: Session) -> None:
    found = cassandra_session.cluster.metadata.keyspaces[schema.KEYSPACE].tables[table]
    assert {name: column.cql_type for name, column in found.columns.items()} == TABLES[table]
    keys = [column.name for column in found.partition_key], [column.name for column in found.clustering_key]
    assert keys == KEYS[table]


def test_the_schema_can_be_applied_again_over_data(settings: LocalSettings, cassandra_session: Session) -> None:
    cassandra_session.execute("INSERT INTO user_merge_log (userid, intoid) VALUES ('again', 'b')")
    schema.create(settings)
    assert cassandra_session.execute("SELECT * FROM user_merge_log WHERE userid = 'again'").one()["intoid"] == "b"


def test_cassandra_keeps_acknowledged_writes_when_killed(
    settings: LocalSettings, cassandra_service: Service, cassandra_session: Session
) -> None:
    insert = cassandra_session.prepare("INSERT INTO user_merge_log (userid, intoid) VALUES ('killed', ?)")
    for number in range(300):
        cassandra_session.execute(insert, (str(number),))
    cassandra_service.kill()
    assert not cassandra_service.is_running()
    cassandra_service.start()
    cassandra_service.wait_ready()
    with schema.connect(settings) as session:
        assert len(session.execute("SELECT intoid FROM user_merge_log WHERE userid = 'killed'").all()) == 300


def test_a_session_that_asked_nothing_while_its_connection_ended_finds_cassandra_again(
    settings: LocalSettings, cassandra_service: Service
) -> None:
    assert cassandra_service.is_ready()
    with schema.connect(settings) as session:
        (pool,) = session.get_pools()
        for connection in pool.get_connections():
            connection.defunct(ConnectionShutdown("as when Cassandra is killed"))

        # Sooner than by the driver's default of 30 s.
        wait_until(lambda: any(pool.open_count for pool in session.get_pools()), timeout_s=20)

        assert session.execute("SELECT release_version FROM system.local").one() is not None


def test_a_write_that_is_not_taken_in_time_is_sent_again(
    settings: LocalSettings, cassandra_service: Service
) -> None:
    assert cassandra_service.is_ready()
    timeout = {"write_type": "SIMPLE", "required_responses": 2, "received_responses": 1}
    with schema.connect(settings) as session:
        policy = session.get_execution_profile(EXEC_PROFILE_DEFAULT).retry_policy

        answers = [
            policy.on_write_timeout(None, ConsistencyLevel.QUORUM, retry_num=number, **timeout)
            for number in range(7)
        ]

    assert answers == [(RetryPolicy.RETRY, None)] * 5 + [(RetryPolicy.RETHROW, None)] * 2


def test_kafka_keeps_acknowledged_records_when_killed(settings: LocalSettings, kafka_service: Service) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_address, acks="all")
    before = producer.send(topics.FAILED_TOPIC, b"before").get(timeout=60).offset
    producer.close()
    kafka_service.kill()
    assert not kafka_service.is_running()
    kafka_service.start()
    kafka_service.wait_ready()
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_address)
    partition = TopicPartition(topics.FAILED_TOPIC, 0)
    consumer.assign([partition])
    consumer.seek(partition, before)
    assert [record.value for record in consumer.poll(timeout_ms=60_000)[partition]] == [b"before"]
    consumer.close()


def test_the_topics_are_made_once(settings: LocalSettings, kafka_service: Service) -> None:
    assert kafka_service.is_ready()
    topics.create(settings)
    client = KafkaAdminClient(bootstrap_servers=settings.kafka_address)
    try:
        found = {
            topic["name"]: len(topic["partitions"])
            for topic in client.describe_topics([topics.INPUT_TOPIC, topics.FAILED_TOPIC, topics.SYNC_TOPIC])
        }
    finally:
        client.close()
    assert found == {
        "local.lms.user.account.merge": 2,
        "local.learning.events.failed": 1,
        "local.coursebatch.job.request": 1,
    }


def test_they_listen_on_the_loopback_address_only(kafka_service: Service, cassandra_service: Service) -> None:
    for service in (kafka_service, cassandra_service):
        assert service.is_ready()
        with pytest.raises(OSError, match=r"refused|timed out"):
            socket.create_connection(("127.0.0.2", service.port), timeout=5)


def test_a_second_set_of_services_runs_beside_the_first(
    settings: LocalSettings, kafka_service: Service, cassandra_service: Service, tmp_path: Path
) -> None:
    kafka_port, cassandra_port = ports.free_ports(2)
    second = dataclasses.replace(settings, data_dir=tmp_path, kafka_port=kafka_port, cassandra_port=cassandra_port)
    kafka, cassandra = services.services(second)
    try:
        kafka.start()
        cassandra.start()
        kafka.wait_ready()
        cassandra.wait_ready()
        schema.create(second)
        topics.create(second)
        with schema.connect(second) as session:
            session.execute("INSERT INTO user_merge_log (userid, intoid) VALUES ('second', 'only')")
        with schema.connect(settings) as session:
            assert session.execute("SELECT * FROM user_merge_log WHERE userid = 'second'").one() is None
        assert kafka_service.is_ready()
        assert cassandra_service.is_ready()
    finally:
        kafka.kill()
        cassandra.kill()
