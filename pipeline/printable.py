"""Text of others, made safe to show on a terminal."""


def printable(text: str) -> str:
    """The text such that nothing in it can move the cursor, or pass for a second line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
