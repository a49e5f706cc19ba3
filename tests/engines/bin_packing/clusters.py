"""Small clusters in which much of what can hold a pod back meets, drawn by hypothesis."""

from hypothesis import strategies as st

from tests.builders import a_node, a_pdb, a_pod, a_workload

SIZES = {"m7i.large": (2, 8, 29), "m7i.xlarge": (4, 16, 58), "m7i.2xlarge": (8, 32, 58)}
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def _selector(app):
    return {"labelSelector": {"matchLabels": {"app": app}}}


def apart(app, key=HOST):
    """Anti-affinity to its own kind."""
    term = {"topologyKey": key, **_selector(app)}
    rules = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    return {"affinity": {"podAntiAffinity": rules}}


def spread(app, key=ZONE):
    """An even spread that is insisted on."""
    return {
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule"}
            | _selector(app)
        ]
    }


SPECS = (
    lambda _: {},
    lambda _: {},
    lambda _: {},
    apart,
    spread,
    lambda app: spread(app, HOST),
    lambda _: {"nodeSelector": {ZONE: "us-east-1a"}},
    lambda _: {"volumes": [{"name": "scratch", "emptyDir": {}}]},
    lambda _: {"containers": [{"name": "c", "ports": [{"hostPort": 80}]}]},
)

nodes = st.tuples(
    st.sampled_from(sorted(SIZES)),
    st.sampled_from(("us-east-1a", "us-east-1a", "us-east-1b", "us-east-1c")),
    st.sampled_from(("on-demand", "on-demand", "spot")),
    st.sampled_from(((), (), (), ("dedicated=db:NoSchedule",))),
)
apps = st.tuples(
    st.sampled_from(range(len(SPECS))),
    st.sampled_from((0.1, 0.25, 0.5, 1, 1.5)),
    st.sampled_from((0.25, 1, 4)),
    st.lists(st.integers(0, 5), min_size=1, max_size=4),  # where its pods run
    st.sampled_from((None, None, 0, 1, 2)),  # what its budget allows
)


def _made(drawn):
    node_words, app_words = drawn
    objects = [a_workload("agent", kind="DaemonSet", cpu=0.1, gib=0.1)]
    for number, (kind, zone, bought, taints) in enumerate(node_words):
        cpu, gib, pods = SIZES[kind]
        name = f"node-{number}"
        objects.append(
            a_node(
                name,
                instance_type=kind,
                zone=zone,
                cpu=cpu,
                gib=gib,
                max_pods=pods,
                capacity_type=bought,
                taints=taints,
            )
        )
        agent = ("DaemonSet", "agent")
        objects.append(a_pod(f"agent-{number}", on=name, cpu=0.1, gib=0.1, owner=agent))
    for number, (kind, cpu, gib, places, allowed) in enumerate(app_words):
        app = f"app-{number}"
        for copy, place in enumerate(places):
            objects.append(
                a_pod(
                    f"{app}-{copy}",
                    on=f"node-{place % len(node_words)}",
                    cpu=cpu,
                    gib=gib,
                    labels={"app": app},
                    owner=("ReplicaSet", app),
                    spec=SPECS[kind](app),
                )
            )
        if allowed is not None:
            objects.append(a_pdb(app, allowed=allowed, match_labels={"app": app}))
    return objects


clusters = st.tuples(
    st.lists(nodes, min_size=2, max_size=6), st.lists(apps, min_size=1, max_size=6)
).map(_made)
