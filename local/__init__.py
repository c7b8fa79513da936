"""The job on one machine: jars, Kafka, Cassandra, schema, topics, and the commands of run_local.sh."""
