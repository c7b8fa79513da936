"""The merge-user-courses job: its configuration, its graph from Kafka to Kafka, and how it is run.

What an event means and how two accounts are merged is in `transforms`, which knows nothing of this package.
"""
