"""The table of what fetches from AWS must remember from one to the next."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Json, UtcDateTime


class FetchProgress(Base):
    """How far the fetching of a source's scope (a region, a file's address) has come.

    What is remembered differs from source to source; the repository knows each one's type.
    """

    __tablename__ = "fetch_progress"

    source: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
