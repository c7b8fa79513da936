"""The merge rules: what is decided, without Beam and without the Cassandra driver."""
