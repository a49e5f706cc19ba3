"""How long a page waits for a cluster: not long, whatever the settings of the scheduler are."""

from services.settings import Settings
from ui import session

PATIENCE_SECONDS = 10.0
"""For each answer; and each question is asked once."""


def quick_settings() -> Settings:
    """The settings with little patience."""
    return session.settings().model_copy(
        update={
            "k8s_api_timeout_seconds": PATIENCE_SECONDS,
            "k8s_api_retry_attempts": 1,
            "pricing_data_retry_attempts": 1,
        }
    )
