"""Decoding is the allow-list: what engines need comes through, customer data does not."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts import kubernetes
from engines.contracts.decoding import decode_tolerant
from engines.contracts.kubernetes.kinds import KINDS, find_kind
from engines.contracts.kubernetes.pods import Volume
from tests.builders import a_node, a_pdb, a_pod, an_object


def decoded(kind, content):
    return an_object(kind, content)


def stored(one):
    """The object as JSON, as it would be stored."""
    return msgspec.json.encode(one).decode()


def a_container(**fields):
    pod = a_pod(spec={"containers": [{"name": "main", **fields}]})
    return pod.spec.containers[0]


def test_env_command_and_args_do_not_survive_parsing():
    pod = a_pod(
        spec={
            "containers": [
                {
                    "name": "main",
                    "image": "registry.example/secret-project:1",
                    "env": [{"name": "PASSWORD", "value": "hunter2"}],
                    "command": ["/bin/secret-command"],
                    "args": ["--secret-argument"],
                }
            ],
            "initContainers": [{"name": "init", "env": [{"name": "A", "value": "hunter2"}]}],
        }
    )

    for secret in ("hunter2", "PASSWORD", "secret", "env", "command", "args"):
        assert secret not in stored(pod)


def test_templates_of_workloads_lose_env_too():
    template = {"spec": {"containers": [{"name": "m", "env": [{"name": "K", "value": "hunter2"}]}]}}
    for kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"):
        one = decoded(kind, {"metadata": {"name": "w"}, "spec": {"template": template}})
        assert "hunter2" not in stored(one)
    cron = {"metadata": {"name": "w"}, "spec": {"jobTemplate": {"spec": {"template": template}}}}
    assert "hunter2" not in stored(decoded("CronJob", cron))


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=8))
def test_no_text_in_env_or_args_survives(secret):
    env = [{"name": secret, "value": secret}]
    content = {"name": "m", "env": env, "args": [secret], "command": [secret]}

    container = msgspec.json.decode(msgspec.json.encode(content), type=kubernetes.Container)

    heap_bytes = container.max_heap_bytes  # a number, should the text happen to set a heap
    assert container == kubernetes.Container(name="m", max_heap_bytes=heap_bytes)


@pytest.mark.parametrize(
    ("annotation", "is_kept"),
    [
        ("cloudoptim.io/office-hours", True),
        ("cluster-autoscaler.kubernetes.io/safe-to-evict", True),
        ("karpenter.sh/do-not-disrupt", True),
        ("descheduler.alpha.kubernetes.io/prefer-no-eviction", True),
        ("autoscaling.cast.ai/removal-disabled", True),
        ("kubernetes.io/config.mirror", True),
        ("eks.amazonaws.com/compute-type", True),
        ("autoscaling.keda.sh/paused-replicas", True),
        ("volume.kubernetes.io/selected-node", True),
        ("kubectl.kubernetes.io/last-applied-configuration", False),
        ("kubernetes.io/change-cause", False),
        ("example.com/notes", False),
        ("prometheus.io/scrape", False),
    ],
)
def test_only_annotations_that_engines_read_are_kept(annotation, is_kept):
    pod = a_pod(annotations={annotation: "true"})

    assert (annotation in pod.metadata.annotations) is is_kept
    assert (annotation in stored(pod)) is is_kept


def test_managed_fields_and_resource_versions_are_dropped():
    """They change with each heartbeat; equal clusters must have equal digests."""
    plain = a_node()
    noisy = a_node(
        metadata={"resourceVersion": "981", "managedFields": [{"manager": "kubelet"}]},
        status={
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "lastHeartbeatTime": "2026-08-03T11:59:59Z",
                    "message": "kubelet is posting ready status",
                }
            ],
            "images": [{"names": ["a:1"], "sizeBytes": 5}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        },
    )

    assert noisy == plain


@pytest.mark.parametrize(
    ("fields", "heap_bytes"),
    [
        ({}, None),
        ({"env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-Xms1g -Xmx512m"}]}, 512 * 2**20),
        ({"env": [{"name": "JAVA_OPTS", "value": "-Xmx2G"}]}, 2 * 2**30),
        ({"env": [{"name": "X", "value": "-Xmx1048576"}]}, 2**20),
        ({"env": [{"name": "X", "value": "-Xmx$(LIMIT)"}]}, None),
        ({"env": [{"name": "X", "value": "-Xmx512mb"}]}, None),
        ({"env": [{"name": "X", "value": "-XX:MaxHeapSize=1g"}]}, 2**30),
        ({"env": [{"name": "X", "value": "-XX:MaxRAMPercentage=75"}]}, None),
        ({"command": ["java", "-Xmx1t", "-jar", "a.jar"]}, 2**40),
        ({"args": ["-Xmx1g"], "env": [{"name": "X", "value": "-Xmx3g"}]}, 3 * 2**30),
        ({"args": ["--max-old-space-size=4096"]}, 4 * 2**30),  # MiB
        ({"env": [{"name": "NODE_OPTIONS", "value": "--max_old_space_size=64"}]}, 64 * 2**20),
        ({"env": [{"name": "GOMEMLIMIT", "value": "750MiB"}]}, 750 * 2**20),
        ({"env": [{"name": "GOMEMLIMIT", "value": "1000"}]}, 1000),
        ({"env": [{"name": "GOMEMLIMIT", "value": "off"}]}, None),
        ({"env": [{"name": "GOMEMLIMIT", "valueFrom": {"resourceFieldRef": {}}}]}, None),
        ({"env": [{"name": "OTHER", "value": "GOMEMLIMIT"}]}, None),
    ],
)
def test_the_heap_ceiling_is_read_from_env_and_arguments(fields, heap_bytes):
    assert a_container(**fields).max_heap_bytes == heap_bytes


def test_the_heap_ceiling_is_stored_as_a_number():
    container = a_container(args=["-Xmx1g"])

    again = msgspec.json.decode(msgspec.json.encode(container), type=kubernetes.Container)

    assert again.max_heap_bytes == 2**30
    assert again == container


def test_configuration_volumes_keep_their_type_and_nothing_else():
    volume = msgspec.json.decode(
        b'{"name":"kube-api-access-x2v4q","projected":{"sources":[{"secret":{"name":"s"}}]}}',
        type=Volume,
    )

    assert stored(volume) == '{"projected":{}}'
    assert volume.is_configuration
    assert not volume.is_local


@pytest.mark.parametrize(
    ("content", "is_local"),
    [
        ({"name": "v", "emptyDir": {}}, True),
        ({"name": "v", "emptyDir": {"medium": "Memory"}}, False),
        ({"name": "v", "hostPath": {"path": "/var/log"}}, True),
        ({"name": "v", "persistentVolumeClaim": {"claimName": "c"}}, False),
        ({"name": "v", "configMap": {"name": "c"}}, False),
        ({"name": "v", "csi": {"driver": "d"}}, False),
    ],
)
def test_local_storage_is_a_disk_of_the_node(content, is_local):
    volume = msgspec.convert(content, Volume)

    assert volume.is_local is is_local


def test_the_path_on_the_host_is_not_kept():
    volume = msgspec.convert({"name": "v", "hostPath": {"path": "/var/private"}}, Volume)

    assert stored(volume) == '{"name":"v","hostPath":{}}'


def test_only_host_ports_are_kept():
    ports = [
        {"containerPort": 8080},
        {"containerPort": 9090, "hostPort": 9090, "protocol": "UDP", "hostIP": "10.0.0.1"},
    ]

    (port,) = a_container(ports=ports).ports

    assert (port.host_port, port.protocol, port.host_ip) == (9090, "UDP", "10.0.0.1")


def test_parameters_of_a_storage_class_that_may_name_secrets_are_dropped():
    content = {
        "metadata": {"name": "gp3"},
        "provisioner": "ebs.csi.aws.com",
        "parameters": {"type": "gp3", "csi.storage.k8s.io/provisioner-secret-name": "hidden"},
    }

    assert decoded("StorageClass", content).parameters == {"type": "gp3"}


def test_the_message_of_an_event_is_not_kept():
    content = {
        "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-1"},
        "reason": "OOMKilling",
        "message": "Killed process 77 (customer-binary)",
        "count": 2,
        "firstTimestamp": "2026-08-03T10:00:00Z",
        "lastTimestamp": "2026-08-03T11:00:00Z",
    }

    event = decoded("Event", content)

    assert "customer-binary" not in stored(event)
    assert event.subject.name == "web-1"
    assert event.last_seen_at.hour == 11


@pytest.mark.parametrize(
    ("selector", "is_none", "is_empty"), [(None, True, False), ({}, False, True)]
)
def test_an_absent_selector_and_an_empty_one_stay_different(selector, is_none, is_empty):
    """A budget without selector protects nothing, one with an empty selector everything."""
    spec = {"minAvailable": 1} | ({} if selector is None else {"selector": selector})

    pdb = decoded("PodDisruptionBudget", {"metadata": {"name": "b"}, "spec": spec})
    again = msgspec.json.decode(stored(pdb), type=kubernetes.PodDisruptionBudget)

    assert (again.spec.selector is None) is is_none
    assert (again.spec.selector == kubernetes.LabelSelector()) is is_empty


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("EndpointSlice", {"metadata": {"name": "s"}, "endpoints": None, "ports": None}),
        ("CSINode", {"metadata": {"name": "n"}, "spec": {"drivers": None}}),
        ("Node", {"metadata": {"name": "n", "labels": None}, "spec": {"taints": None}}),
        ("Pod", {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "env": None}]}}),
    ],
)
def test_null_is_read_as_not_set(kind, content):
    decoder = msgspec.json.Decoder(KINDS[kind].type)

    one = decode_tolerant(json.dumps(content).encode(), decoder)

    assert "null" not in stored(one)


def test_null_inside_a_list_is_not_ignored():
    decoder = msgspec.json.Decoder(KINDS["Node"].type)

    with pytest.raises(msgspec.ValidationError, match=r"spec\.taints\[0\]"):
        decode_tolerant(b'{"metadata":{"name":"n"},"spec":{"taints":[null]}}', decoder)


@pytest.mark.parametrize(
    ("kind", "api_version", "is_read"),
    [
        ("Pod", "v1", True),
        ("Pod", "", True),
        ("Deployment", "apps/v1", True),
        ("Job", "batch/v1", True),
        ("Job", "batch.volcano.sh/v1alpha1", False),
        ("Service", "serving.knative.dev/v1", False),
        ("Event", "events.k8s.io/v1", True),
        ("ScaledObject", "keda.sh/v1alpha1", True),
        ("Secret", "v1", False),
        ("ConfigMap", "v1", False),
    ],
)
def test_a_kind_is_read_only_from_its_own_api_group(kind, api_version, is_read):
    assert (find_kind(kind, api_version) is not None) is is_read


def test_every_kind_knows_its_own_name():
    for name, kind in KINDS.items():
        assert kind.type.__name__ == name
        assert kind.list_name == f"{name}List"


def test_the_controller_is_the_owner_that_would_replace_the_object():
    owners = [
        {"kind": "Backup", "name": "b", "uid": "1"},
        {"kind": "ReplicaSet", "name": "r", "uid": "2", "controller": True},
    ]

    assert a_pod(metadata={"ownerReferences": owners}).metadata.controller.name == "r"
    assert a_pod(metadata={"ownerReferences": owners[:1]}).metadata.controller is None


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(msgspec.ValidationError, match="timezone"):
        a_pod(metadata={"creationTimestamp": "2026-08-03T10:00:00"})


@pytest.mark.parametrize(
    ("text", "is_set"),
    [
        ("0001-01-01T00:00:00Z", False),
        ("1970-01-01T00:00:00Z", True),
        ("2199-12-31T00:00:00Z", True),
    ],
)
def test_the_zero_time_of_go_is_not_set(text, is_set):
    assert (
        a_pod(metadata={"creationTimestamp": text}).metadata.creation_timestamp is not None
    ) is (is_set)


@pytest.mark.parametrize("text", ["1969-12-31T00:00:00Z", "2200-01-01T00:00:00Z"])
def test_a_time_of_another_age_is_refused(text):
    with pytest.raises(msgspec.ValidationError, match="not a time of this age"):
        a_pod(metadata={"deletionTimestamp": text})
    with pytest.raises(msgspec.ValidationError, match="not a time of this age"):
        a_pdb(status={"disruptedPods": {"web-1": text}})


@pytest.mark.parametrize(
    ("words", "scope"),
    [
        ({"message": "Memory cgroup out of memory: Killed process 1 (java)"}, "container"),
        ({"note": "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)"}, "container"),
        ({"message": "Out of memory: Kill process 1 (java) score 9 or sacrifice child"}, "node"),
        ({"message": "System OOM encountered, victim process: java, pid: 1"}, "node"),
        ({"message": "Killed process 1 (java) total-vm:1kB"}, None),
        ({}, None),
    ],
)
def test_of_an_events_message_only_whose_memory_ran_out_is_kept(words, scope):
    text = msgspec.json.encode({"metadata": {"name": "e"}, "reason": "OOMKilling", **words})

    event = msgspec.json.decode(text, type=kubernetes.Event)

    stored = msgspec.json.encode(event)
    assert event.out_of_memory == scope
    assert b"java" not in stored
    assert msgspec.json.decode(stored, type=kubernetes.Event) == event
