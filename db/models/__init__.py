"""All tables, imported together so that ``Base.metadata`` is complete."""

from db.models import clusters, decisions, fetching, ledgers, market, measurements, operations
from db.models.base import Base

__all__ = [
    "Base",
    "clusters",
    "decisions",
    "fetching",
    "ledgers",
    "market",
    "measurements",
    "operations",
]
