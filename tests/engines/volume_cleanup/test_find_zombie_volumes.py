"""``vol-9`` is the volume under judgement: 100 GiB of gp3 in us-east-1a, available for ten days.
It costs 100 x 0.08 = 8.00 USD a month, a snapshot of all of it 100 x 0.05 = 5.00: saving 3.00."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.aws import KmsKey, Snapshot
from engines.contracts.errors import InvalidInputError
from engines.contracts.plan import DeleteVolume, SnapshotVolume
from engines.contracts.problems import problem_with
from engines.contracts.results import DecisionStatus, DecisionType
from engines.contracts.snapshot import ProblemReason
from engines.volume_cleanup import find_zombie_volumes
from tests.builders import (
    NOW,
    a_node,
    a_pod,
    a_request,
    a_state,
    a_volume,
    a_workload,
    an_instance,
    an_object,
)

SEEN = {"first_seen": {"vol-9": "2026-07-24T12:00:00Z"}}
CLAIM_TAGS = {
    "kubernetes.io/created-for/pvc/name": "data-db-0",
    "kubernetes.io/created-for/pvc/namespace": "shop",
}
READ = {"pvs": (), "pvcs": (), "snapshots": (), "instances": ()}


def suspect(**fields):
    return a_volume("vol-9", **fields)


def clean(*volumes, objects=(), requirements=None, **fields):
    given = {name: one for name, one in READ.items() if name not in fields}
    kinds = {"PersistentVolume": "pvs", "PersistentVolumeClaim": "pvcs"}
    for one in objects:
        given.pop(kinds.get(one.kind, ""), None)
    given |= {name: one for name, one in fields.items() if one is not None}
    state = a_state(*objects, volumes=volumes, **given)
    wanted = SEEN if requirements is None else requirements
    return find_zombie_volumes(
        a_request(state, decision_type=DecisionType.VOLUME_CLEANUP, requirements=wanted)
    )


def verdict(response):
    """The action or the reason code for vol-9."""
    found = [one.action for one in response.recommendations] + [
        str(one.reason) for one in response.skipped if one.subject.volume_id == "vol-9"
    ]
    assert len(found) == 1
    return found[0]


def a_pv(phase="Bound", *, policy="Delete", handle="vol-9", claim="data-db-0", spec=None):
    source = {"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": handle}}
    return an_object(
        "PersistentVolume",
        {
            "metadata": {"name": "pv-1"},
            "spec": {
                "persistentVolumeReclaimPolicy": policy,
                "claimRef": {"namespace": "shop", "name": claim},
                **(source if spec is None else spec),
            },
            "status": {"phase": phase},
        },
    )


def a_claim(phase, volume_name=""):
    return an_object(
        "PersistentVolumeClaim",
        {
            "metadata": {"name": "data-db-0", "namespace": "shop"},
            "spec": {"volumeName": volume_name},
            "status": {"phase": phase},
        },
    )


def a_set(replicas, template="data"):
    return a_workload(
        "db",
        kind="StatefulSet",
        replicas=replicas,
        spec={"volumeClaimTemplates": [{"metadata": {"name": template}, "spec": {}}]},
    )


def a_snapshot(state="completed", volume="vol-9"):
    return {"SnapshotId": "snap-1", "VolumeId": volume, "State": state, "VolumeSize": 100}


def test_a_forgotten_volume_is_snapshotted_and_deleted_and_the_snapshot_is_paid_for():
    response = clean(suspect())

    [zombie] = response.recommendations
    assert zombie.subject.volume_id == "vol-9"
    assert zombie.savings_usd_month == Decimal("3.00")
    assert zombie.current["usd_month"] == Decimal("8.00")
    assert zombie.recommended["snapshot_usd_month_at_most"] == Decimal("5.00")
    assert zombie.evidence["available_days"] == 10
    assert zombie.evidence["requires_approval"] is True
    assert response.estimated_savings == Decimal("3.00")
    assert response.execution_plan[:2] == (
        SnapshotVolume(id="snapshot-vol-9", volume_id="vol-9"),
        DeleteVolume(id="delete-vol-9", volume_id="vol-9"),
    )
    assert response.warnings == ()


def test_without_the_snapshot_the_whole_price_is_saved():
    response = clean(suspect(), requirements=SEEN | {"snapshot_before_delete": False})

    assert response.estimated_savings == Decimal("8.00")
    assert [step.id for step in response.execution_plan] == ["delete-vol-9", "verify"]


def test_confidence_grows_with_what_was_read_and_with_time():
    """0.4 + 0.2 + 0.3 x 10 / 30 + 0.1 = 0.8; without snapshots 0.6."""
    assert clean(suspect()).confidence_score == 0.8
    assert clean(suspect(), snapshots=None).confidence_score == 0.6
    assert clean().confidence_score == 1.0


@pytest.mark.parametrize(
    ("first_seen", "expected"),
    [
        ("2026-07-27T12:00:00Z", "within_grace"),  # seven days, not more
        ("2026-07-27T11:59:59Z", "delete_volume"),
        ("2026-08-09T12:00:00Z", "within_grace"),
        (None, "within_grace"),
    ],
)
def test_a_volume_is_a_zombie_after_more_than_seven_days_by_our_own_ledger(first_seen, expected):
    ledger = {} if first_seen is None else {"first_seen": {"vol-9": first_seen}}

    assert verdict(clean(suspect(CreateTime="2020-01-01T00:00:00Z"), requirements=ledger)) == (
        expected
    )


def test_the_days_are_a_parameter():
    assert verdict(clean(suspect(), requirements=SEEN | {"min_available_days": 10})) == (
        "within_grace"
    )
    assert verdict(clean(suspect(), requirements=SEEN | {"min_available_days": 9.9})) == (
        "delete_volume"
    )


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (suspect(state="creating"), "creating"),
        (suspect(state="deleting"), "deleting"),
        (suspect(state="deleted"), "deleting"),
        (suspect(state="error"), "error_state"),
        (suspect(state="in-use", Attachments=[{"InstanceId": "i-1"}]), "in_use"),
        (suspect(state="in-use"), "in_use"),
        (
            suspect(
                state="in-use",
                MultiAttachEnabled=True,
                Attachments=[{"InstanceId": "i-2"}, {"InstanceId": "i-1"}],
            ),
            "in_use",
        ),
        (
            suspect(state="in-use", Attachments=[{"InstanceId": "i-2"}]),
            "attached_to_stopped_instance",
        ),
        (suspect(state="in-use", Attachments=[{"InstanceId": "i-gone"}]), "in_use"),
        (suspect(Operator={"Managed": True, "Principal": "eks"}), "operator_managed"),
        (suspect(Operator={"Managed": False}), "delete_volume"),
    ],
)
def test_only_free_volumes_of_our_own_are_zombies(volume, expected):
    """i-1 runs, i-2 is stopped."""
    machines = (an_instance("i-1"), an_instance("i-2", state="stopped"))

    response = clean(volume, instances=machines)

    assert verdict(response) == expected
    assert bool(response.execution_plan) is (expected == "delete_volume")


def test_the_waste_of_a_stopped_instances_volume_is_told_and_not_counted():
    volume = suspect(state="in-use", Attachments=[{"InstanceId": "i-2"}])

    response = clean(volume, instances=(an_instance("i-2", state="stopped"),))

    assert "for 8 USD a month" in response.skipped[0].message
    assert response.estimated_savings == 0


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"backup": "true"}, "protected_by_tag"),
        ({"Backup": "TRUE"}, "protected_by_tag"),
        ({"backup": "weekly"}, "protected_by_tag"),
        ({"backup": "false"}, "delete_volume"),
        ({"keep": ""}, "protected_by_tag"),
        ({"keep": "no"}, "delete_volume"),
        ({"velero.io/backup": "nightly"}, "protected_by_tag"),
        ({"aws:dlm:lifecycle-policy-id": "policy-1"}, "protected_by_tag"),
        ({"aws:backup:source-resource": "x"}, "protected_by_tag"),
        ({"cloudoptim:ignore": "true"}, "protected_by_tag"),
        ({"legal-hold": "2026"}, "protected_by_tag"),
        ({"tier": "gold"}, "protected_by_tag"),
        ({"tier": "iron"}, "delete_volume"),
        ({"backups": "true"}, "delete_volume"),
    ],
)
def test_tags_protect_a_volume(tags, expected):
    requirements = SEEN | {"protected_tags": ["legal-hold", "tier=gold"]}

    assert verdict(clean(suspect(tags=tags), requirements=requirements)) == expected


@pytest.mark.parametrize(
    ("pv", "expected"),
    [
        (a_pv("Bound"), "claim_bound"),
        (a_pv("Released", policy="Retain"), "released_retained"),
        (a_pv("Released", policy="Delete"), "released_not_deleted"),
        (a_pv("Available", policy="Retain"), "static_volume"),
        (a_pv("Failed"), "volume_not_settled"),
        (a_pv("Bound", handle="vol-8"), "delete_volume"),
        (
            a_pv(spec={"awsElasticBlockStore": {"volumeID": "aws://us-east-1a/vol-9"}}),
            "claim_bound",
        ),
        (a_pv(spec={"awsElasticBlockStore": {"volumeID": "vol-9"}}), "claim_bound"),
        (a_pv(spec={"awsElasticBlockStore": {"volumeID": "aws://x/vol-99"}}), "delete_volume"),
    ],
)
def test_what_a_persistent_volume_names_is_never_deleted(pv, expected):
    assert verdict(clean(suspect(), objects=(pv,))) == expected


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (a_claim("Pending"), "claim_waits"),
        (a_claim("Lost", "pv-gone"), "claim_waits"),
        (a_claim("Bound", "pv-other"), "delete_volume"),
    ],
)
def test_a_claim_that_waits_keeps_the_volume_that_was_made_for_it(claim, expected):
    assert verdict(clean(suspect(tags=CLAIM_TAGS), objects=(claim,))) == expected


@pytest.mark.parametrize(
    ("objects", "saved", "expected"),
    [
        ((a_pv("Bound"), a_set(0)), (), "stateful_set_asleep"),
        ((a_pv("Bound"), a_set(1)), (), "claim_bound"),
        ((a_pv("Bound"), a_set(1)), ("db",), "stateful_set_asleep"),
        ((a_pv("Released", policy="Retain"), a_set(0)), (), "stateful_set_asleep"),
        ((a_set(0),), (), "stateful_set_asleep"),
        ((a_set(0, template="logs"),), (), "delete_volume"),
        ((a_set(1),), (), "delete_volume"),
        ((), ("db",), "stateful_set_asleep"),
        ((), ("other",), "delete_volume"),
    ],
)
def test_volumes_of_a_stateful_set_that_sleeps_are_no_zombies(objects, saved, expected):
    requirements = SEEN | {
        "saved_replicas": [
            {"namespace": "shop", "kind": "StatefulSet", "name": name, "replicas": 1}
            for name in saved
        ]
    }

    response = clean(suspect(tags=CLAIM_TAGS), objects=objects, requirements=requirements)

    assert verdict(response) == expected


def test_volumes_that_pods_templates_and_nodes_name_stay():
    inline = {"volumes": [{"name": "d", "awsElasticBlockStore": {"volumeID": "vol-9"}}]}
    node = a_node(status={"volumesInUse": ["kubernetes.io/csi/ebs.csi.aws.com^vol-9"]})

    assert verdict(clean(suspect(), objects=(a_pod(spec=inline),))) == "named_by_pod"
    assert verdict(clean(suspect(), objects=(a_workload(replicas=0, pod_spec=inline),))) == (
        "named_by_pod"
    )
    assert verdict(clean(suspect(), objects=(node,))) == "named_by_node"


def test_volumes_of_other_registered_clusters_stay():
    requirements = SEEN | {"volumes_of_other_clusters": ["vol-9"]}

    assert verdict(clean(suspect(), requirements=requirements)) == "other_cluster"


@pytest.mark.parametrize("as_printed", [True, False])
@pytest.mark.parametrize(
    ("snapshot", "allow", "expected"),
    [
        (a_snapshot(), False, "has_snapshots"),
        (a_snapshot(), True, "delete_volume"),
        (a_snapshot("pending"), True, "snapshot_running"),
        (a_snapshot("error"), False, "delete_volume"),
        (a_snapshot("recoverable"), False, "has_snapshots"),
        (a_snapshot(volume="vol-8"), False, "delete_volume"),
    ],
)
def test_volumes_with_snapshots_go_only_where_the_policy_lets_them(
    snapshot, allow, expected, as_printed
):
    snapshots = {"Snapshots": [snapshot]} if as_printed else [snapshot]
    requirements = SEEN | {"snapshots": snapshots, "allow_volumes_with_snapshots": allow}

    assert verdict(clean(suspect(), requirements=requirements)) == expected


def test_of_two_readings_of_a_snapshot_the_one_that_runs_counts():
    read = msgspec.convert(a_snapshot(), Snapshot)
    requirements = SEEN | {
        "snapshots": [a_snapshot("pending")],
        "allow_volumes_with_snapshots": True,
    }

    response = clean(suspect(), snapshots=(read,), requirements=requirements)

    assert verdict(response) == "snapshot_running"


def test_a_claims_name_without_its_namespace_says_nothing():
    tags = {"kubernetes.io/created-for/pvc/name": "data-db-0"}

    assert verdict(clean(suspect(tags=tags), objects=(a_set(0),))) == "delete_volume"


@pytest.mark.parametrize(
    ("volume", "usd"),
    [
        (suspect(Iops=3000, Throughput=125), "8"),
        (suspect(Iops=3100, Throughput=135), "8.9"),  # + 100 x 0.005 + 10 x 0.04
        (suspect(volume_type="gp2", Iops=300), "10"),
        (suspect(volume_type="io1", Iops=4000), "272.5"),  # 12.5 + 4,000 x 0.065
        (suspect(volume_type="io2", Iops=70000), "3756.5"),  # 12.5 + 2,080 + 1,472 + 192
        (suspect(volume_type="st1"), "4.5"),
        (suspect(volume_type="sc1"), "1.5"),
        (suspect(volume_type="standard"), "5"),
    ],
)
def test_each_type_has_its_price_with_iops_and_throughput(volume, usd):
    response = clean(volume, requirements=SEEN | {"snapshot_before_delete": False})

    assert response.estimated_savings == Decimal(usd)


@pytest.mark.parametrize(
    "volume",
    [
        suspect(volume_type="gp9"),
        suspect(zone="eu-west-1a"),
        suspect(zone=""),
        suspect(zone="us-east-1-bos-1a"),
        suspect(OutpostArn="arn:aws:outposts:us-east-1:1:outpost/op-1"),
    ],
)
def test_no_saving_is_claimed_without_a_price(volume):
    response = clean(volume)

    assert verdict(response) == "delete_volume"
    assert response.estimated_savings == 0
    assert [one.code for one in response.warnings] == ["price_unknown"]


def test_given_prices_count_everywhere():
    """100 x (0.10 - 0.06) = 4.00; in us-east-1 the extra IOPS are added: + 100 x 0.005."""
    requirements = SEEN | {"volume_prices": {"gp3": 0.10}, "snapshot_price_gib_month": 0.06}

    elsewhere = clean(suspect(zone="eu-west-1a", Iops=3100), requirements=requirements)
    at_home = clean(suspect(Iops=3100), requirements=requirements)

    assert elsewhere.estimated_savings == Decimal("4.00")
    assert at_home.estimated_savings == Decimal("4.50")


def test_a_volume_cheaper_than_its_snapshot_stays_unless_no_snapshot_is_wanted():
    """st1 costs 4.50 a month, its snapshot up to 5.00; standard 5.00, so nothing is saved."""
    without = SEEN | {"snapshot_before_delete": False}

    assert verdict(clean(suspect(volume_type="st1"))) == "snapshot_costs_more"
    assert verdict(clean(suspect(volume_type="standard"))) == "snapshot_costs_more"
    assert verdict(clean(suspect(volume_type="st1"), requirements=without)) == "delete_volume"


def test_a_reader_is_told_what_was_not_read():
    response = clean(suspect(), snapshots=None, instances=None)

    assert [one.code for one in response.warnings] == ["snapshots_not_read", "instances_not_read"]


def test_encrypted_volumes_and_tags_of_foreign_clusters_are_pointed_at():
    tags = {"kubernetes.io/cluster/staging": "owned"}
    volume = suspect(tags=tags, Encrypted=True)

    response = clean(volume)
    known = clean(volume, requirements=SEEN | {"cluster_names": ["staging"]})

    assert [one.code for one in response.warnings] == ["foreign_cluster_tags", "key_state_unknown"]
    assert [one.code for one in known.warnings] == ["key_state_unknown"]
    assert response.recommendations[0].evidence["cluster_tags"] == ["staging"]


KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
SEALED = {"Encrypted": True, "KmsKeyId": KEY}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Enabled", "delete_volume"),
        ("Disabled", "key_unusable"),
        ("PendingDeletion", "key_unusable"),
        ("PendingImport", "key_unusable"),
        ("Unavailable", "key_unusable"),
        ("NotFound", "key_unusable"),
    ],
)
def test_no_snapshot_is_promised_of_a_volume_whose_key_does_not_work(state, expected):
    response = clean(suspect(**SEALED), kms_keys=(KmsKey(arn=KEY, key_state=state),))

    assert verdict(response) == expected
    assert bool(response.execution_plan) is (expected == "delete_volume")
    for one in response.skipped:
        assert one.subjects == (KEY,)


def test_a_volume_whose_data_nobody_needs_goes_without_its_key():
    requirements = SEEN | {"snapshot_before_delete": False}
    keys = (KmsKey(arn=KEY, key_state="PendingDeletion"),)

    response = clean(suspect(**SEALED), kms_keys=keys, requirements=requirements)

    assert verdict(response) == "delete_volume"
    assert response.warnings == ()


@pytest.mark.parametrize(
    ("keys", "fields", "code"),
    [
        ((KmsKey(arn=KEY, key_state="Enabled"),), SEALED, "encrypted"),
        ((KmsKey(arn="arn:other", key_state="Enabled"),), SEALED, "key_state_unknown"),
        ((), SEALED, "key_state_unknown"),
        (None, SEALED, "key_state_unknown"),
        (None, {"Encrypted": True}, "key_state_unknown"),
    ],
)
def test_a_key_that_could_not_be_asked_for_is_said_and_not_guessed(keys, fields, code):
    response = clean(suspect(**fields), kms_keys=keys)

    assert verdict(response) == "delete_volume"
    assert [(one.code, one.subjects) for one in response.warnings] == [(code, ("vol-9",))]


def test_a_key_is_no_reason_for_a_volume_that_stays_anyway():
    keys = (KmsKey(arn=KEY, key_state="Disabled"),)

    assert verdict(clean(suspect(tags={"keep": ""}, **SEALED), kms_keys=keys)) == "protected_by_tag"


@pytest.mark.parametrize(
    "objects",
    [
        (a_pod(spec={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "c"}}]}),),
        (a_set(1),),
        (a_claim("Bound"),),
    ],
)
def test_a_cluster_that_uses_claims_is_not_judged_without_its_volumes(objects):
    response = clean(suspect(), objects=objects, pvs=None)

    assert response.status is DecisionStatus.REFUSED
    assert response.reason == "claims_not_given"


def test_where_nothing_speaks_of_claims_zombies_are_named_but_not_deleted():
    response = clean(suspect(), objects=(a_pod(),), pvs=None, pvcs=None)

    assert verdict(response) == "delete_volume"
    assert response.execution_plan == ()
    assert [one.code for one in response.warnings] == ["claims_not_read"]


@pytest.mark.parametrize(
    ("fields", "requirements", "reason"),
    [
        ({}, {"unreadable_clusters": ["staging"]}, "unreadable_clusters"),
        (
            {"unread": (problem_with(a_pv(), ProblemReason.UNREADABLE_OBJECT, "bad"),)},
            {},
            "unreadable_claims",
        ),
    ],
)
def test_nothing_is_judged_where_a_claim_may_be_hidden(fields, requirements, reason):
    response = clean(suspect(), requirements=SEEN | requirements, **fields)

    assert (response.status, response.reason) == (DecisionStatus.REFUSED, reason)
    assert response.recommendations == ()


def test_volumes_that_were_not_read_are_not_the_same_as_none():
    request = a_request(a_state(), decision_type=DecisionType.VOLUME_CLEANUP)

    assert find_zombie_volumes(request).reason == "volumes_not_given"


@pytest.mark.parametrize(
    "requirements",
    [{"volume_prices": {"gp3": -1}}, {"snapshot_price_gib_month": -0.01}, {"firstseen": {}}],
)
def test_parameters_that_cannot_be_used_are_refused(requirements):
    with pytest.raises(InvalidInputError):
        clean(suspect(), requirements=requirements)


CROWD = tuple(
    a_volume(f"vol-{number}", **fields)
    for number, fields in enumerate(
        [{}, {"state": "in-use"}, {"tags": {"keep": "1"}}, {"volume_type": "x"}, {"gib": 7}, {}]
    )
)


@settings(max_examples=30, deadline=None)
@given(
    order=st.permutations(CROWD),
    days=st.lists(st.integers(0, 20), min_size=6, max_size=6),
)
def test_every_volume_is_accounted_for_in_any_order(order, days):
    ledger = {f"vol-{n}": (NOW - timedelta(days=d)).isoformat() for n, d in enumerate(days)}
    requirements = {"first_seen": ledger}

    first = clean(*CROWD, objects=(a_pv(handle="vol-0"), a_set(0)), requirements=requirements)
    second = clean(*order, objects=(a_set(0), a_pv(handle="vol-0")), requirements=requirements)

    named = [one.subject.volume_id for one in (*first.recommendations, *first.skipped)]
    assert sorted(named) == [one.volume_id for one in CROWD]
    assert first == second
    assert first.estimated_savings == sum(one.savings_usd_month for one in first.recommendations)
    assert all(days[int(one.subject.volume_id[4:])] > 7 for one in first.recommendations)
