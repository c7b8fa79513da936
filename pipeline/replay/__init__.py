"""Replay: publishes the originals of failed events to the input topic again.

`selection` decides what is replayed, `failed_topic` reads, `publisher` writes, `run` brings them together.
"""
