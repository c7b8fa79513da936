"""The store: all that knows the Cassandra driver, and the only package that imports it."""
