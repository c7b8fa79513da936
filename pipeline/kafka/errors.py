"""What can go wrong with the consumer group while a local run merges; known to the command without Beam."""


class GroupInUseError(Exception):
    """Somebody else commits offsets of the group: another run, or a job on a cluster."""
