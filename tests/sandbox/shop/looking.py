"""Questions that tests ask of a pretend cluster's objects."""

from sandbox.kube import quantities
from sandbox.kube.objects import labels_of
from sandbox.kube.resources import BY_PLURAL


def every(shop, plural):
    return list(shop.cluster.world.store.all(BY_PLURAL[plural]))


def one(shop, plural, namespace, name):
    found = shop.cluster.world.store.get(BY_PLURAL[plural], namespace, name)
    assert found is not None, f"no {plural} {namespace}/{name}"
    return found


def pods_of(shop, namespace, name):
    return [
        pod
        for pod in every(shop, "pods")
        if pod["metadata"]["namespace"] == namespace
        and labels_of(pod).get("app.kubernetes.io/name") == name
    ]


def instance_of(node):
    return node["spec"]["providerID"].rpartition("/")[2]


def ec2(shop):
    return shop.account.cloud.backend("ec2", "123456789012", "us-east-1")


def requests_of(pod):
    """(millicores, bytes) of all containers together."""
    asked = [one["resources"]["requests"] for one in pod["spec"]["containers"]]
    cpu = sum(quantities.parse(one["cpu"]) for one in asked)
    return int(cpu * 1000), int(sum(quantities.parse(one["memory"]) for one in asked))
