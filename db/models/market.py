"""Tables of market data: Spot and on-demand prices, Spot Advisor, instance types.

Text keys of bulk rows are interned: a Spot price names its series by an integer, which makes
the table several times smaller and the latest price of a pool one seek in its primary key.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, UtcDateTime


class SpotPriceSeries(Base):
    """The key of a Spot price series. A zone lies in one region, so the region is no key part.

    The newest point is repeated here, so that all latest prices are one pass over the series.
    """

    __tablename__ = "spot_price_series"
    __table_args__ = (
        UniqueConstraint(
            "instance_type", "availability_zone", "product_description", name="uq_spot_price_series"
        ),
        Index("ix_spot_price_series_region", "region", "product_description", "instance_type"),
        CheckConstraint("availability_zone <> ''", name="zone_is_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    region: Mapped[str]
    instance_type: Mapped[str]
    availability_zone: Mapped[str]
    product_description: Mapped[str]
    last_timestamp: Mapped[int | None] = mapped_column(BigInteger)
    last_micro_usd: Mapped[int | None] = mapped_column(BigInteger)


class SpotPrice(Base):
    """A change point: the price holds from ``timestamp`` (Unix seconds) until the next one.

    ``series_id`` has no foreign key: checking it row by row costs more than the load itself
    (docs/decisions/0004), and series are never deleted.
    """

    __tablename__ = "spot_prices"
    __table_args__ = (
        CheckConstraint("micro_usd > 0", name="price_is_positive"),
        {"sqlite_with_rowid": False},
    )

    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    timestamp: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    micro_usd: Mapped[int] = mapped_column(BigInteger)


class PricePlace(Base):
    """A region and a product sold there: the key of prices added up by region."""

    __tablename__ = "price_places"
    __table_args__ = (UniqueConstraint("region", "product_description"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    region: Mapped[str]
    product_description: Mapped[str]


class RegionHourPrice(Base):
    """The prices published in one hour in one place, added up as they are stored."""

    __tablename__ = "region_hour_prices"
    __table_args__ = ({"sqlite_with_rowid": False},)

    place_id: Mapped[int] = mapped_column(
        ForeignKey("price_places.id"), primary_key=True, autoincrement=False
    )
    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    points: Mapped[int] = mapped_column(BigInteger)
    sum_micro_usd: Mapped[int] = mapped_column(BigInteger)
    min_micro_usd: Mapped[int] = mapped_column(BigInteger)
    max_micro_usd: Mapped[int] = mapped_column(BigInteger)


class OnDemandPrice(Base):
    """The on-demand list price of a type, in force from ``effective_at`` on."""

    __tablename__ = "on_demand_prices"
    __table_args__ = (CheckConstraint("micro_usd > 0", name="price_is_positive"),)

    region: Mapped[str] = mapped_column(primary_key=True)
    operating_system: Mapped[str] = mapped_column(primary_key=True)
    instance_type: Mapped[str] = mapped_column(primary_key=True)
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    micro_usd: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str]


class SpotAdvisorEdition(Base):
    """One published state of Spot Advisor. An unchanged file is seen again, not stored again."""

    __tablename__ = "spot_advisor_editions"
    __table_args__ = (UniqueConstraint("published_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    digest: Mapped[str]  # of the rates, so that an unchanged publication is recognised
    source: Mapped[str]
    document_digest: Mapped[str | None]  # the file as it came, in snapshots


class SpotAdvisorSeries(Base):
    """The key of a Spot Advisor rate."""

    __tablename__ = "spot_advisor_series"
    __table_args__ = (
        UniqueConstraint(
            "operating_system", "region", "instance_type", name="uq_spot_advisor_series"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    region: Mapped[str]
    operating_system: Mapped[str]
    instance_type: Mapped[str]


class SpotAdvisorRate(Base):
    """What an edition says of one type in one region."""

    __tablename__ = "spot_advisor_data"
    __table_args__ = (
        CheckConstraint("interruption_bucket BETWEEN 0 AND 4", name="bucket_is_known"),
        Index(None, "series_id"),
        {"sqlite_with_rowid": False},
    )

    edition_id: Mapped[int] = mapped_column(
        ForeignKey("spot_advisor_editions.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    series_id: Mapped[int] = mapped_column(
        ForeignKey("spot_advisor_series.id"), primary_key=True, autoincrement=False
    )
    interruption_bucket: Mapped[int] = mapped_column(SmallInteger)
    savings_percent: Mapped[int] = mapped_column(SmallInteger)


class InstanceType(Base):
    """What an instance type offers, and where the figures come from."""

    __tablename__ = "instance_types"
    __table_args__ = (
        CheckConstraint("vcpu > 0 AND memory_mib > 0", name="size_is_positive"),
        Index(None, "family"),
    )

    instance_type: Mapped[str] = mapped_column(primary_key=True)
    vcpu: Mapped[int]
    memory_mib: Mapped[int]
    architecture: Mapped[str]
    family: Mapped[str]
    generation: Mapped[int]
    gpu_count: Mapped[int]
    network_gbps: Mapped[float | None]
    max_enis: Mapped[int | None]
    ipv4_per_eni: Mapped[int | None]
    max_pods: Mapped[int | None]
    is_bare_metal: Mapped[bool]
    is_burstable: Mapped[bool]
    local_nvme: Mapped[bool]
    source: Mapped[str]
    as_of: Mapped[datetime] = mapped_column(UtcDateTime)
