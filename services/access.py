"""Who may do what: three roles, each of which includes the one before it.

Workflows that change something ask for a role themselves; screens hide what a role does not allow
only as a courtesy.
"""

from dataclasses import dataclass
from enum import IntEnum

from services.errors import AccessDeniedError


class Role(IntEnum):
    """Viewers look, operators act and tighten, admins also loosen and upload."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who asks for something; ``name`` goes into the audit log."""

    name: str
    role: Role


# Loopback only means that whoever is here already owns the machine and its database file.
LOCAL_ADMIN = Actor(name="local admin", role=Role.ADMIN)


def authorise(actor: Actor, needed: Role, action: str) -> None:
    """Raise AccessDeniedError unless the actor's role includes ``needed``."""
    if actor.role < needed:
        raise AccessDeniedError(
            f"{actor.name} may not {action}: that needs the role {needed.name.lower()}",
            next_step=f"ask somebody with the role {needed.name.lower()} to do it",
        )
