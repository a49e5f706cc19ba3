"""Spot Advisor as a matrix of instance types and regions."""

from datetime import datetime

import numpy as np
from sqlalchemy import select

from db.bulk import read_texts
from db.models.market import SpotAdvisorEdition, SpotAdvisorRate, SpotAdvisorSeries
from db.records import UNKNOWN_BUCKET, UNKNOWN_SAVINGS, Heatmap
from db.repositories.advisor import edition_for
from db.session import Reader
from engines.contracts.pricing import OperatingSystem


def load(
    reader: Reader,
    *,
    operating_system: OperatingSystem = OperatingSystem.LINUX,
    at: datetime | None = None,
) -> Heatmap | None:
    """The edition for ``at`` (see ``advisor.edition_for``) as a matrix; None: nothing is stored."""
    edition = reader.connection.execute(
        edition_for(at).add_columns(SpotAdvisorEdition.published_at)
    ).one_or_none()
    if edition is None:
        return None
    query = (
        select(
            SpotAdvisorSeries.instance_type,
            SpotAdvisorSeries.region,
        )
        .join(SpotAdvisorRate, SpotAdvisorRate.series_id == SpotAdvisorSeries.id)
        .where(
            SpotAdvisorRate.edition_id == edition.id,
            SpotAdvisorSeries.operating_system == operating_system,
        )
    )
    numbers = (SpotAdvisorRate.interruption_bucket, SpotAdvisorRate.savings_percent)
    (types, regions), (buckets, savings) = read_texts(reader, query, numbers)
    type_names, region_names = sorted(set(types)), sorted(set(regions))
    row_of = {name: index for index, name in enumerate(type_names)}
    column_of = {name: index for index, name in enumerate(region_names)}
    cells = ([row_of[name] for name in types], [column_of[name] for name in regions])
    shape = (len(type_names), len(region_names))
    bucket = np.full(shape, UNKNOWN_BUCKET, dtype=np.int8)
    savings_percent = np.full(shape, UNKNOWN_SAVINGS, dtype=np.int16)
    bucket[cells] = buckets
    savings_percent[cells] = savings
    return Heatmap(
        operating_system=operating_system,
        published_at=edition.published_at,
        instance_types=tuple(type_names),
        regions=tuple(region_names),
        bucket=bucket,
        savings_percent=savings_percent,
    )
