"""Who may call: access keys, a role to assume with an external id, sessions that expire, denial.

A principal belongs to an account and carries one simple policy of patterns such as
``ec2:Describe*``. Signatures are not verified; key, token, age and policy are.
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from sandbox.aws.calls import ApiError, Call

LEAST_SESSION_SECONDS = 900
USUAL_SESSION_SECONDS = 3600
_OPEN_TO_ALL = ("sts:GetCallerIdentity",)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Patterns of ``service:Action``; a denial wins over what is allowed."""

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()

    def permits(self, action: str) -> bool:
        if action in _OPEN_TO_ALL:
            return True
        return _matches(self.allow, action) and not _matches(self.deny, action)


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role that may be assumed by who knows its external id."""

    arn: str
    external_id: str
    policy: Policy = Policy()
    longest_session_seconds: int = USUAL_SESSION_SECONDS

    @property
    def account_id(self) -> str:
        return self.arn.split(":")[4]

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Whose access key it is. ``role_arn`` and ``expires_at`` (Unix seconds) are of sessions."""

    arn: str
    user_id: str
    policy: Policy = Policy()
    session_token: str = ""
    role_arn: str = ""
    expires_at: float | None = None

    @property
    def account_id(self) -> str:
        return self.arn.split(":")[4]


@dataclass
class Identity:
    """All principals and roles of the pretend world; ``now`` gives its Unix seconds."""

    now: Callable[[], float]
    _keys: dict[str, Principal] = field(default_factory=dict)
    _roles: dict[str, Role] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add_key(self, access_key: str, principal: Principal) -> None:
        with self._lock:
            self._keys[access_key] = principal

    def add_role(self, role: Role) -> None:
        with self._lock:
            self._roles[role.arn] = role

    def set_policy(self, subject: str, policy: Policy) -> None:
        """Give an access key or a role (by its ARN) another policy; ValueError: unknown."""
        with self._lock:
            if subject in self._roles:
                self._roles[subject] = replace(self._roles[subject], policy=policy)
            elif subject in self._keys:
                self._keys[subject] = replace(self._keys[subject], policy=policy)
            else:
                raise ValueError(f"neither an access key nor the ARN of a role: {subject}")

    def expire_sessions(self) -> None:
        """All sessions of assumed roles are over, whatever their time."""
        with self._lock:
            for key, one in self._keys.items():
                if one.role_arn:
                    self._keys[key] = replace(one, expires_at=self.now())

    def principal_of(self, call: Call) -> Principal:
        """Who calls; raises what AWS answers to unknown, wrong and expired credentials."""
        principal = self._keys.get(call.access_key)
        if principal is None or principal.session_token != call.session_token:
            raise _unknown(call)
        if principal.expires_at is not None and self.now() >= principal.expires_at:
            raise _expired(call)
        return principal

    def check(self, call: Call, principal: Principal) -> None:
        """Raise what AWS answers where the policy does not permit the call."""
        role = self._roles.get(principal.role_arn)
        policy = role.policy if role else principal.policy
        for action in _actions_of(call):
            if not policy.permits(action):
                raise _denied(call, principal, action)

    def assume_role(self, call: Call, caller: Principal) -> dict[str, Any]:
        """The result of AssumeRole: a new session's credentials, good until they expire."""
        role = self._roles.get(call.get("RoleArn"))
        if role is None or role.external_id != call.get("ExternalId"):
            raise _denied(call, caller, "sts:AssumeRole", call.get("RoleArn"))
        seconds = _session_seconds(call, role)
        session = call.get("RoleSessionName")
        access_key = f"ASIA{secrets.token_hex(8).upper()}"
        arn = f"arn:aws:sts::{role.account_id}:assumed-role/{role.name}/{session}"
        principal = Principal(
            arn=arn,
            user_id=f"AROASANDBOX:{session}",
            session_token=secrets.token_urlsafe(48),
            role_arn=role.arn,
            expires_at=self.now() + seconds,
        )
        self.add_key(access_key, principal)
        expiration = datetime.fromtimestamp(self.now() + seconds, UTC)
        return {
            "Credentials": {
                "AccessKeyId": access_key,
                "SecretAccessKey": secrets.token_urlsafe(30),
                "SessionToken": principal.session_token,
                "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "AssumedRoleUser": {"AssumedRoleId": principal.user_id, "Arn": arn},
        }


def caller_identity(principal: Principal) -> dict[str, str]:
    """The result of GetCallerIdentity."""
    return {"Arn": principal.arn, "UserId": principal.user_id, "Account": principal.account_id}


def _matches(patterns: tuple[str, ...], action: str) -> bool:
    """IAM compares actions without regard to case."""
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def _actions_of(call: Call) -> tuple[str, ...]:
    """The call's own action, and those that a launch needs besides."""
    actions = [f"{call.service}:{call.action}"]
    if call.action == "RunInstances" and call.get("TagSpecification.1.ResourceType"):
        actions.append("ec2:CreateTags")
    if call.action == "RunInstances" and (
        call.get("IamInstanceProfile.Arn") or call.get("IamInstanceProfile.Name")
    ):
        actions.append("iam:PassRole")
    return tuple(actions)


def _session_seconds(call: Call, role: Role) -> int:
    seconds = int(call.get("DurationSeconds", str(USUAL_SESSION_SECONDS)))
    if seconds < LEAST_SESSION_SECONDS:
        raise ApiError(
            "ValidationError",
            f"1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to "
            "satisfy constraint: Member must have value greater than or equal to 900",
        )
    if seconds > role.longest_session_seconds:
        raise ApiError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    return seconds


def _unknown(call: Call) -> ApiError:
    if call.service == "ec2":
        return ApiError(
            "AuthFailure", "AWS was not able to validate the provided access credentials", 401
        )
    return ApiError(
        "InvalidClientTokenId", "The security token included in the request is invalid.", 403
    )


def _expired(call: Call) -> ApiError:
    """EC2 alone says RequestExpired where all others say ExpiredToken."""
    if call.service == "ec2":
        return ApiError("RequestExpired", "Request has expired.")
    return ApiError("ExpiredToken", "The security token included in the request is expired", 403)


def _denied(call: Call, principal: Principal, action: str, resource: str = "") -> ApiError:
    what = f"User: {principal.arn} is not authorized to perform: {action}"
    if resource:
        what += f" on resource: {resource}"
    else:
        what += f" because no identity-based policy allows the {action} action"
    if call.service == "ec2":
        told = f"You are not authorized to perform this operation. {what}"
        return ApiError("UnauthorizedOperation", told, 403)
    return ApiError("AccessDenied", what, 403)
