"""Kafka: the topics that the graph reads and writes, the clients, and the backlog of a consumer group."""
