"""Kafka and Cassandra are started, killed and started again for real."""

from cassandra.cluster import Session

from local import schema
from local.service import Service
from local.settings import LocalSettings


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
        rows = session.execute("SELECT intoid FROM user_merge_log WHERE userid = 'killed'").all()
    assert len(rows) == 300
