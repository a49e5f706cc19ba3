"""All that stands in the way of reading a cluster, both sides together, each with a remedy."""

import pytest

from sandbox.aws.faults import Fault
from services.access import LOCAL_ADMIN, Actor, Role
from services.errors import AccessDeniedError
from services.findings import FindingState
from services.secrets import open_secret_box
from services.settings import Settings
from services.workflows.preflight import preflight_cluster
from tests.pretend_aws import fail
from tests.services.workflows.live import AT, SECRETS, SETTINGS, register


def preflight(database, secrets=SECRETS, actor=LOCAL_ADMIN):
    findings = preflight_cluster(
        database, "shop", secrets=secrets, settings=SETTINGS, actor=actor, at=AT
    )
    return {one.check: one for one in findings}


def states(findings, side):
    return {one.state for check, one in findings.items() if check.startswith(side)}


def test_both_sides_and_the_registration_are_told_together(sandbox_database, live):
    register(sandbox_database, live)

    findings = preflight(sandbox_database)

    credential = findings["cloudoptim: open the credential"]
    assert credential.state is FindingState.HELD
    assert "sandbox database" in credential.message
    assert len([one for one in findings if one.startswith("kubernetes: list")]) > 20
    assert states(findings, "aws: enter") == {FindingState.HELD}
    assert findings["kubernetes: metrics-server"].state is FindingState.MISSING


def test_every_finding_that_is_not_well_has_a_remedy(sandbox_database, live):
    register(sandbox_database, live)
    fail(live.scenario, Fault(action="DescribeVolumes", code="UnauthorizedOperation", status=403))

    findings = preflight(sandbox_database)

    assert findings["aws: ec2:DescribeVolumes"].state is FindingState.MISSING
    bad = [one for one in findings.values() if one.state is not FindingState.HELD]
    assert all(one.remedy for one in bad)


def test_a_server_that_is_gone_leaves_the_findings_about_aws(sandbox_database, live):
    register(sandbox_database, live)
    live.kube.close()

    findings = preflight(sandbox_database)

    assert FindingState.FAILED in states(findings, "kubernetes:")
    assert states(findings, "aws: enter") == {FindingState.HELD}


def test_an_account_that_cannot_be_entered_leaves_the_findings_about_kubernetes(
    sandbox_database, live
):
    register(sandbox_database, live, external_id="another-one")

    findings = preflight(sandbox_database)

    assert findings["kubernetes: list nodes"].state is FindingState.HELD
    assert not states(findings, "aws:") & {FindingState.HELD}


def test_a_sandbox_without_an_endpoint_of_its_own_asks_no_aws(sandbox_database, live):
    register(sandbox_database, live, aws_endpoint_url=None)

    finding = preflight(sandbox_database)["aws: connect"]

    assert finding.state is FindingState.FAILED
    assert "never asks the real AWS" in finding.message
    assert finding.remedy == "give the customer the endpoint of the sandbox's AWS"


def test_a_credential_that_does_not_open_is_the_only_finding(sandbox_database, live):
    register(sandbox_database, live)
    other = open_secret_box(Settings(encryption_key="A" * 43 + "="))

    findings = preflight(sandbox_database, secrets=other)

    assert list(findings) == ["cloudoptim: open the credential"]
    assert findings["cloudoptim: open the credential"].state is FindingState.FAILED


def test_a_viewer_runs_no_preflight(sandbox_database, live):
    register(sandbox_database, live)

    with pytest.raises(AccessDeniedError):
        preflight(sandbox_database, actor=Actor(name="anna", role=Role.VIEWER))
