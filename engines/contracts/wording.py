"""Words that the sentences of all engines share."""


def counted(count: int | float, singular: str, plural: str = "") -> str:
    """A count with its noun: ``1 node``, ``2.5 days``; ``plural`` where an s is not enough."""
    number = str(count) if isinstance(count, int) else f"{count:g}"
    return f"{number} {singular if count == 1 else plural or singular + 's'}"
