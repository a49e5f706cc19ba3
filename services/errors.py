"""Errors of the services, beside the shared base in ``engines.contracts.errors``."""

from engines.contracts.errors import CloudOptimError, InvalidInputError

__all__ = [
    "AccessDeniedError",
    "CloudOptimError",
    "ConfigurationError",
    "InvalidInputError",
    "NotFoundError",
]


class ConfigurationError(CloudOptimError):
    """A setting is missing or wrong; the message names the variable."""


class AccessDeniedError(CloudOptimError):
    """The caller's role does not allow the action."""


class NotFoundError(CloudOptimError):
    """Nothing is stored under the name or id that was asked for."""
