"""Who is asking and whether they may: tokens, roles, bindings, access reviews."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from sandbox.kube.failures import ApiError, bad_request, unauthorized
from sandbox.kube.objects import Obj, name_of, namespace_of, rfc3339
from sandbox.kube.resources import BY_PLURAL, SERVICE_ACCOUNTS
from sandbox.kube.world import World

CLUSTER_ROLE_BINDINGS = BY_PLURAL["clusterrolebindings"]
ROLE_BINDINGS = BY_PLURAL["rolebindings"]

TOKEN_CACHE_SECONDS = 10
"""A token whose account has gone is still accepted for this long after it was last seen good."""

_SECONDS_AN_HOUR = int(timedelta(hours=1).total_seconds())
_OPEN_PATHS = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_DISCOVERY_PATHS = ("/api", "/apis", "/openapi", "/.well-known", *_OPEN_PATHS)
_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")


@dataclass(frozen=True)
class User:
    """An authenticated caller."""

    name: str
    groups: tuple[str, ...]
    uid: str = ""


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """What a request wants to do; `path` alone for one that names no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


@dataclass
class _AccountToken:
    namespace: str
    account: str
    uid: str
    expires_at: float
    good_until: float


@dataclass
class Gate:
    """Keeps the tokens and answers who somebody is and what they may do."""

    world: World
    _tokens: dict[str, _AccountToken] = field(default_factory=dict)

    def authenticate(self, authorization: str) -> User:
        """The user of an Authorization header; ApiError 401 for a token that is not (or no
        longer) good. No header at all is `system:anonymous`."""
        if not authorization:
            return ANONYMOUS
        token = authorization.removeprefix("Bearer ").strip()
        if token == self.world.settings.admin_token:
            return User("admin", ("system:masters", "system:authenticated"))
        issued = self._tokens.get(token)
        if issued is None or not self._is_good(issued):
            raise unauthorized()
        name = f"system:serviceaccount:{issued.namespace}:{issued.account}"
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{issued.namespace}")
        return User(name, (*groups, "system:authenticated"), issued.uid)

    def issue(
        self, namespace: str, account: Obj, seconds: int, *, token: str = ""
    ) -> tuple[str, str]:
        """(token, when it expires) for a ServiceAccount; without ``token`` one is drawn."""
        token = token or f"sandbox.{self.world.identity.uid()}"
        expires_at = self.world.now() + seconds
        uid = account["metadata"]["uid"]
        name = account["metadata"]["name"]
        self._tokens[token] = _AccountToken(namespace, name, uid, expires_at, self.world.now())
        return token, rfc3339(expires_at)

    def token_request(self, namespace: str, account: Obj, body: Obj) -> Obj:
        """The answer to POST serviceaccounts/NAME/token."""
        spec = body.get("spec") or {}
        seconds = spec.get("expirationSeconds", _SECONDS_AN_HOUR)
        token, expires = self.issue(namespace, account, seconds)
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": account["metadata"]["name"],
                "namespace": namespace,
                "uid": account["metadata"]["uid"],
                "creationTimestamp": self.world.now_text(),
            },
            "spec": {
                "audiences": spec.get("audiences") or ["https://kubernetes.default.svc"],
                "expirationSeconds": seconds,
                "boundObjectRef": spec.get("boundObjectRef"),
            },
            "status": {"token": token, "expirationTimestamp": expires},
        }

    def expire_tokens(self) -> None:
        """Every token of a ServiceAccount is refused from now on."""
        self._tokens.clear()

    def authorize(self, user: User, wanted: Attributes) -> None:
        """ApiError 403 unless `user` may do it."""
        if not self.is_allowed(user, wanted):
            raise _forbidden(user, wanted)

    def is_allowed(self, user: User, wanted: Attributes) -> bool:
        return self.why_allowed(user, wanted) is not None

    def why_allowed(self, user: User, wanted: Attributes) -> str | None:
        """The binding that allows it, empty for what needs none, None when nothing allows it."""
        if "system:masters" in user.groups or _is_open_to_all(user, wanted):
            return ""
        granted = self._granted(user, wanted.namespace)
        return next((why for rule, why in granted if _rule_allows(rule, wanted)), None)

    def rules(self, user: User, namespace: str) -> list[Obj]:
        """The rules that hold for `user` in a namespace."""
        if "system:masters" in user.groups:
            return [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        return [rule for rule, _ in self._granted(user, namespace)]

    def _is_good(self, issued: _AccountToken) -> bool:
        now = self.world.now()
        if now >= issued.expires_at:
            return False
        account = self.world.store.get(SERVICE_ACCOUNTS, issued.namespace, issued.account)
        if account is not None and account["metadata"]["uid"] == issued.uid:
            issued.good_until = now + TOKEN_CACHE_SECONDS
            return True
        return now < issued.good_until

    def _granted(self, user: User, namespace: str) -> Iterator[tuple[Obj, str]]:
        """The rules that hold for `user`, each with the binding that grants it."""
        store = self.world.store
        bindings = [("ClusterRoleBinding", one) for one in store.all(CLUSTER_ROLE_BINDINGS)]
        if namespace:
            bindings += [("RoleBinding", one) for one in store.all(ROLE_BINDINGS, namespace)]
        for kind, binding in bindings:
            subjects = binding.get("subjects") or ()
            subject = next((one for one in subjects if _is_subject(user, one)), None)
            if subject is not None:
                why = _described(kind, binding, subject)
                yield from ((rule, why) for rule in self._rules_of(binding))

    def _rules_of(self, binding: Obj) -> list[Obj]:
        reference = binding["roleRef"]
        is_cluster_role = reference["kind"] == "ClusterRole"
        table = BY_PLURAL["clusterroles" if is_cluster_role else "roles"]
        home = None if is_cluster_role else namespace_of(binding)
        role = self.world.store.get(table, home, reference["name"])
        return list(role.get("rules") or ()) if role else []


def _described(kind: str, binding: Obj, subject: Obj) -> str:
    """The reason that an access review gives (the words of the RBAC authorizer)."""
    name, home = name_of(binding), namespace_of(binding)
    bound = f"{name}/{home}" if home else name
    who = subject["name"]
    if subject["kind"] == "ServiceAccount":
        who = f"{who}/{subject.get('namespace', '')}"
    role = binding["roleRef"]
    return (
        f'RBAC: allowed by {kind} "{bound}" of {role["kind"]} "{role["name"]}"'
        f' to {subject["kind"]} "{who}"'
    )


def _is_open_to_all(user: User, wanted: Attributes) -> bool:
    """What everybody may, and what everybody with a valid token may besides."""
    if wanted.path:
        is_known = "system:authenticated" in user.groups
        open_paths = _DISCOVERY_PATHS if is_known else _OPEN_PATHS
        is_inside = any(wanted.path.startswith(f"{one.rstrip('/')}/") for one in open_paths)
        return wanted.verb == "get" and (wanted.path in open_paths or is_inside)
    is_review = wanted.resource in _REVIEWS and wanted.verb == "create"
    return is_review and "system:authenticated" in user.groups


def _is_subject(user: User, subject: Obj) -> bool:
    if subject["kind"] == "ServiceAccount":
        name = f"system:serviceaccount:{subject.get('namespace', '')}:{subject['name']}"
        return user.name == name
    if subject["kind"] == "Group":
        return subject["name"] in user.groups
    return bool(subject["name"] == user.name)


def _rule_allows(rule: Obj, wanted: Attributes) -> bool:
    if not _is_in(rule.get("verbs"), wanted.verb):
        return False
    if wanted.path:
        return any(_path_matches(one, wanted.path) for one in rule.get("nonResourceURLs") or ())
    names = rule.get("resourceNames")
    return (
        _is_in(rule.get("apiGroups"), wanted.group)
        and _resource_matches(rule.get("resources") or [], wanted)
        and (not names or wanted.name in names)
    )


def _is_in(allowed: list[str] | None, value: str) -> bool:
    return bool(allowed) and ("*" in (allowed or ()) or value in (allowed or ()))


def _resource_matches(resources: list[str], wanted: Attributes) -> bool:
    if "*" in resources or wanted.full_resource in resources:
        return True
    return bool(wanted.subresource) and f"*/{wanted.subresource}" in resources


def _path_matches(pattern: str, path: str) -> bool:
    return pattern in (path, "*") or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def _forbidden(user: User, wanted: Attributes) -> ApiError:
    if wanted.path:
        message = f'forbidden: User "{user.name}" cannot {wanted.verb} path "{wanted.path}"'
        return ApiError(403, "Forbidden", message, {})
    qualified = f"{wanted.resource}.{wanted.group}" if wanted.group else wanted.resource
    subject = f'{qualified} "{wanted.name}"' if wanted.name else qualified
    where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    message = (
        f'{subject} is forbidden: User "{user.name}" cannot {wanted.verb} resource'
        f' "{wanted.full_resource}" in API group "{wanted.group}" {where}'
    )
    details = {
        **({"name": wanted.name} if wanted.name else {}),
        **({"group": wanted.group} if wanted.group else {}),
        "kind": wanted.resource,
    }
    return ApiError(403, "Forbidden", message, details)


def review_access(gate: Gate, user: User, body: Obj) -> Obj:
    """The answer to a SelfSubjectAccessReview; what is not allowed gives no reason."""
    spec = body.get("spec") or {}
    wanted = _reviewed(spec)
    why = gate.why_allowed(user, wanted)
    status: Obj = {"allowed": why is not None, **({"reason": why} if why else {})}
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": spec,
        "status": status,
    }


def review_rules(gate: Gate, user: User, body: Obj) -> Obj:
    """The answer to a SelfSubjectRulesReview; ApiError 400 without a namespace."""
    spec = body.get("spec") or {}
    if not spec.get("namespace"):
        raise bad_request("no namespace on request")
    rules = gate.rules(user, spec["namespace"])
    return {
        "kind": "SelfSubjectRulesReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": {},
        "status": {
            "resourceRules": [one for one in rules if "resources" in one],
            "nonResourceRules": [one for one in rules if "nonResourceURLs" in one],
            "incomplete": False,
        },
    }


def _reviewed(spec: Obj) -> Attributes:
    if "nonResourceAttributes" in spec:
        inner = spec["nonResourceAttributes"]
        return Attributes(verb=inner.get("verb", ""), path=inner.get("path", ""))
    inner = spec.get("resourceAttributes") or {}
    return Attributes(
        verb=inner.get("verb", ""),
        group=inner.get("group", ""),
        resource=inner.get("resource", ""),
        subresource=inner.get("subresource", ""),
        name=inner.get("name", ""),
        namespace=inner.get("namespace", ""),
    )
