"""The seeded account read over HTTP: everything in it, and what happens where parts are denied."""

from collections import Counter

import msgspec
import pytest

from engines.contracts.aws import Volume
from engines.contracts.state import CurrentState, compile_state
from sandbox.aws.faults import Fault
from sandbox.aws.identity import Policy
from sandbox.aws.scenario import CUSTOMER_ACCOUNT, NODE_GROUPS, REGION, ROLE_ARN
from services.aws.errors import RoleRefusedError
from services.aws.owners import OwnerKind
from services.aws.reading import read_account, read_instances, read_keys
from services.aws.session import open_account
from services.files.aws_dump import read_instances as read_dump
from services.files.source import SourceFile
from services.findings import FindingState
from tests.pretend_aws import NOW, fail


def test_the_whole_account_is_read(aws_scenario, aws_account):
    """40 nodes, 3 ghosts, 4 unrelated and 2 stopped instances."""
    reading = read_account(aws_account, at=NOW)

    document = reading.document
    assert reading.problems == ()
    assert len(document.instances) == 49
    assert {one.instance_id for one in document.instances} >= set(aws_scenario.node_ids)
    assert {one.volume_id for one in document.volumes} >= set(aws_scenario.zombie_volume_ids)
    assert document.snapshots is not None
    assert Counter(source.kind for source in document.sources) == Counter(
        ("instances", "volumes", "snapshots")
    )
    assert {source.as_of for source in document.sources} == {NOW}
    assert document.nodes is None


def test_the_reading_compiles_without_a_problem(aws_account):
    state = compile_state(read_account(aws_account, at=NOW).document)

    assert state.problems == ()
    assert len(state.instances) == 49


def test_what_is_read_is_what_the_command_line_prints(aws_account):
    """The CLI prints the same answer as JSON, times as text."""
    instances = read_instances(aws_account)

    pages = list(aws_account.pages("ec2", "describe_instances", MaxResults=1000))
    printed = msgspec.json.encode([{"Reservations": one["Reservations"]} for one in pages])

    assert read_dump(SourceFile.of_bytes("dump.json", printed)).data == instances
    assert instances[0].launch_time.utcoffset().total_seconds() == 0


def test_every_node_is_owned_by_its_managed_node_group(aws_scenario, aws_account):
    owners = read_account(aws_account, at=NOW).owners

    counted = Counter(owners[one].name for one in aws_scenario.node_ids)
    assert counted == {group.name: group.count for group in NODE_GROUPS}
    assert {owners[one].kind for one in aws_scenario.node_ids} == {OwnerKind.MANAGED_NODE_GROUP}
    assert {owners[one].cluster for one in aws_scenario.node_ids} == {"shop-prod"}
    assert {owners[one].membership.lifecycle_state for one in aws_scenario.node_ids} == {
        "InService"
    }


def test_ghosts_and_strangers_have_owners_of_their_own(aws_scenario, aws_account):
    """Ghosts: two tagged as the cluster's, one of Karpenter. Strangers: one of another cluster."""
    owners = read_account(aws_account, at=NOW).owners

    ghosts = [owners[one].kind for one in aws_scenario.ghost_ids]
    strangers = [owners[one].kind for one in aws_scenario.unrelated_ids]
    assert ghosts == [OwnerKind.SELF_MANAGED, OwnerKind.KARPENTER, OwnerKind.SELF_MANAGED]
    assert strangers == [OwnerKind.NONE] * 3 + [OwnerKind.SELF_MANAGED]


def test_zones_are_known_by_id(aws_account):
    zone_ids = read_account(aws_account, at=NOW).zone_ids

    assert zone_ids["us-east-1a"] == "use1-az6"
    assert len(zone_ids) == 6


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ("ec2:DescribeInstances", "instances"),
        ("ec2:DescribeVolumes", "volumes"),
        ("ec2:DescribeSnapshots", "snapshots"),
    ],
)
def test_a_denied_part_is_none_with_a_finding_never_empty(aws_scenario, aws_account, action, field):
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, Policy(deny=(action,)))

    reading = read_account(aws_account, at=NOW)

    parts = {
        name: getattr(reading.document, name) for name in ("instances", "volumes", "snapshots")
    }
    assert [name for name, content in parts.items() if content is None] == [field]
    [problem] = reading.problems
    assert problem.state is FindingState.MISSING
    assert action in problem.message
    assert "iam-policy.json" in problem.remedy


def test_without_auto_scaling_owners_follow_from_tags(aws_scenario, aws_account):
    deny = Policy(deny=("autoscaling:*",))
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, deny)

    reading = read_account(aws_account, at=NOW)

    assert [problem.check for problem in reading.problems] == ["aws: read auto scaling instances"]
    assert {reading.owners[one].kind for one in aws_scenario.node_ids} == {
        OwnerKind.MANAGED_NODE_GROUP
    }


def test_an_answer_that_stays_truncated_fails_its_part_alone(aws_scenario, aws_account):
    fail(aws_scenario, Fault(action="DescribeVolumes", truncate_after_bytes=1000))

    reading = read_account(aws_account, at=NOW)

    assert reading.document.volumes is None
    assert len(reading.document.instances) == 49
    [problem] = reading.problems
    assert problem.state is FindingState.FAILED
    assert "cut off" in problem.message


def test_an_answer_that_is_truncated_once_is_asked_for_again(aws_scenario, aws_account):
    fail(aws_scenario, Fault(action="DescribeVolumes", truncate_after_bytes=1000, times=1))

    reading = read_account(aws_account, at=NOW)

    assert reading.problems == ()
    assert {one.volume_id for one in reading.document.volumes} >= set(
        aws_scenario.zombie_volume_ids
    )


def test_a_refused_role_is_raised_not_found(aws_access):
    wrong = msgspec.structs.replace(aws_access, external_id="guessed")

    with open_account(wrong) as account, pytest.raises(RoleRefusedError):
        read_account(account, at=NOW)


def test_a_document_of_parts_that_were_not_read_says_so(aws_scenario, aws_account):
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, Policy(allow=("sts:*",)))

    reading = read_account(aws_account, at=NOW)

    assert reading.document == CurrentState(sources=())
    assert len(reading.problems) == 5
    assert reading.owners == {}


def a_key(scenario, change=None):
    """A key of the account, changed by a method of moto's KMS."""
    backend = scenario.cloud.backend("kms", CUSTOMER_ACCOUNT, REGION)
    key = backend.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "test", None)
    if change is not None:
        getattr(backend, change)(*([key.id] if change == "disable_key" else [key.id, 7]))
    return key.arn


def a_volume(number, arn, state="available"):
    return Volume(
        volume_id=f"vol-{number}",
        volume_type="gp3",
        state=state,
        size_gib=10,
        encrypted=True,
        kms_key_id=arn,
    )


def test_the_keys_of_unused_volumes_tell_whether_they_work(aws_scenario, aws_account):
    works = a_key(aws_scenario)
    disabled = a_key(aws_scenario, "disable_key")
    going = a_key(aws_scenario, "schedule_key_deletion")
    gone = works[:-12] + "000000000000"
    arns = (works, disabled, going, gone, "", works)
    volumes = [a_volume(number, arn) for number, arn in enumerate(arns)]
    attached = a_volume(9, a_key(aws_scenario), state="in-use")

    keys, problems = read_keys(aws_account, [*volumes, attached])

    assert problems == ()
    assert {one.arn: one.key_state for one in keys} == {
        works: "Enabled",
        disabled: "Disabled",
        going: "PendingDeletion",
        gone: "NotFound",
    }
    assert [one.arn for one in keys] == sorted({works, disabled, going, gone})


def test_a_key_that_may_not_be_asked_for_is_left_out_and_told(aws_scenario, aws_account):
    arn = a_key(aws_scenario)
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, Policy(deny=("kms:*",)))

    keys, problems = read_keys(aws_account, [a_volume(1, arn)])

    assert keys == ()
    [problem] = problems
    assert problem.state is FindingState.MISSING
    assert arn in problem.check
    assert "kms:DescribeKey" in problem.message


def test_members_of_auto_scaling_groups_are_in_the_document(aws_scenario, aws_account):
    document = read_account(aws_account, at=NOW).document

    assert {one.instance_id for one in document.auto_scaling} == set(aws_scenario.node_ids)
    assert {one.lifecycle_state for one in document.auto_scaling} == {"InService"}
    assert document.kms_keys == ()
    assert compile_state(document).auto_scaling == document.auto_scaling


def test_members_that_may_not_be_read_are_none(aws_scenario, aws_account):
    aws_scenario.cloud.identity.set_policy(
        ROLE_ARN, Policy(deny=("autoscaling:*", "ec2:DescribeVolumes"))
    )

    document = read_account(aws_account, at=NOW).document

    assert document.auto_scaling is None
    assert document.kms_keys is None
