"""How an AWS account is reached: region, role, endpoint and, where given, an access key."""

import msgspec


class AwsAccess(msgspec.Struct, frozen=True, kw_only=True):
    """One account. What is None is left to the standard AWS settings of this machine.

    ``role_arn`` None: the credentials themselves are used. ``endpoint_url`` holds for all services
    of this account alone, so that a pretend account and a real one never share a switch.
    """

    region: str
    role_arn: str | None = None
    external_id: str | None = None
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None

    def __repr__(self) -> str:
        """All but the secrets: the external id is one too, for whoever knows the role."""
        return (
            f"AwsAccess(region={self.region!r}, role_arn={self.role_arn!r}, "
            f"endpoint_url={self.endpoint_url!r}, access_key_id={self.access_key_id!r})"
        )

    def __rich_repr__(self) -> list[tuple[str, str | None]]:
        """What rich shows, which asks for the fields itself otherwise."""
        return [("region", self.region), ("role_arn", self.role_arn)]
