"""The error of this package."""


class LocalError(Exception):
    """Something the user can put right; its text is one sentence that says how."""
