"""Small clusters in which many scheduling rules meet, made by hypothesis from a few words."""

from typing import Any

from hypothesis import strategies as st

from tests.builders import a_cluster, a_namespace, a_node, a_pod, an_object
from tests.engines.scheduling_questions import a_claim, a_volume_of, with_claims, zone_terms

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
APPS = ("web", "db")
NODES = (
    a_node(cpu=2, labels={"disk": "ssd"}),
    a_node("node-b", zone="us-east-1b", taints=("gpu:NoSchedule",)),
    a_node("node-c", zone="us-east-1b", unschedulable=True),
    a_node("node-d", labels={ZONE: None}, max_pods=2),
)
CLAIMS = (
    a_claim("one"),
    a_volume_of("one", nodeAffinity=zone_terms("us-east-1b")),
    a_claim("two", accessModes=["ReadWriteOncePod"]),
    a_volume_of("two"),
    an_object(
        "CSINode",
        {
            "metadata": {"name": "node-a"},
            "spec": {
                "drivers": [
                    {"name": "ebs.csi.aws.com", "nodeID": "i-1", "allocatable": {"count": 1}}
                ]
            },
        },
    ),
)

NAMESPACES = (a_namespace("shop", labels={"team": "core"}), a_namespace("data"))

apps = st.sampled_from(APPS)
keys = st.sampled_from((ZONE, HOST))


def a_selector(app: str) -> dict[str, Any]:
    return {"matchLabels": {"app": app}}


def hard(terms: list[dict[str, Any]]) -> dict[str, Any]:
    return {"requiredDuringSchedulingIgnoredDuringExecution": terms}


scopes = st.sampled_from(
    (
        {},
        {},
        {"namespaces": ["data"]},
        {"namespaceSelector": {}},
        {"namespaceSelector": {"matchLabels": {"team": "core"}}},
        {"matchLabelKeys": ["version"]},
        {"mismatchLabelKeys": ["version"]},
    )
)
terms = st.builds(
    lambda app, key, scope: {"topologyKey": key, "labelSelector": a_selector(app), **scope},
    apps,
    keys,
    scopes,
)
policies = st.sampled_from(("Honor", "Ignore"))
constraints = st.builds(
    lambda app, key, skew, on_taints, on_labels, more: {
        "maxSkew": skew,
        "topologyKey": key,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": a_selector(app),
        "nodeTaintsPolicy": on_taints,
        "nodeAffinityPolicy": on_labels,
        **more,
    },
    apps,
    keys,
    st.integers(1, 2),
    policies,
    policies,
    st.sampled_from(({}, {}, {"minDomains": 3}, {"matchLabelKeys": ["version"]})),
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "podAffinity": st.lists(terms, max_size=2).map(hard),
        "podAntiAffinity": st.lists(terms, max_size=1).map(hard),
        "topologySpreadConstraints": st.lists(constraints, max_size=2),
        "nodeSelector": st.just({"disk": "ssd"}),
        "tolerations": st.sampled_from(([{"operator": "Exists"}], [{"key": "gpu"}])),
        "ports": st.sampled_from(([{"hostPort": 80}], [{"hostPort": 80, "hostIP": "10.0.0.1"}])),
        "claims": st.sampled_from((("one",), ("two",), ("one", "two"))),
    },
)
pods = st.tuples(
    apps,
    specs,
    st.sampled_from((0, 0.5, 1)),
    st.sampled_from(("", "", "node-a", "node-b", "node-c", "node-d")),
    st.booleans(),
    st.sampled_from(("shop", "shop", "data")),
    st.sampled_from(("1", "2")),
)


def made(number: int, drawn: tuple[Any, ...]) -> Any:
    """A pod from the drawn words."""
    app, words, cpu, on, is_leaving, namespace, version = drawn
    spec = dict(words)
    affinity = {key: spec.pop(key) for key in ("podAffinity", "podAntiAffinity") if key in spec}
    requests = {"cpu": str(cpu), "memory": "1Gi"}
    container = {
        "name": "c",
        "ports": spec.pop("ports", []),
        "resources": {"requests": requests if cpu else {}},
    }
    spec |= {
        "affinity": affinity,
        "containers": [container],
        **with_claims(*spec.pop("claims", ())),
    }
    leaving = {"deletionTimestamp": "2026-08-03T12:00:00Z"} if is_leaving else {}
    labels = {"app": app, "version": version}
    return a_pod(
        f"p{number}", on=on, namespace=namespace, labels=labels, spec=spec, metadata=leaving
    )


def objects_of(drawn: list[tuple[Any, ...]]) -> list[Any]:
    """All objects of a cluster with these pods."""
    return [*NODES, *NAMESPACES, *CLAIMS, *(made(n, one) for n, one in enumerate(drawn))]


clusters = st.lists(pods, min_size=2, max_size=7).map(lambda drawn: a_cluster(*objects_of(drawn)))
