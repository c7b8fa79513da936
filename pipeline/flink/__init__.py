"""Flink: the cluster that runs the job, and the worker that runs its Python stages."""
