"""How fast the job merges, beside what Cassandra itself can take and what the Scala job's way gives."""
