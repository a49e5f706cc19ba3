"""The dependency audit fails when it finds something and when it looked at nothing."""

from tests.audit import judge, pinned_names

CLEAN = {"name": "boto3", "version": "1.0", "vulns": []}
VULNERABLE = {"name": "boto3", "version": "1.0", "vulns": [{"id": "X-1", "fix_versions": ["1.1"]}]}
SKIPPED = {"name": "boto3", "skip_reason": "not found on the index"}


def test_a_clean_audit_of_every_pin_passes():
    assert judge({"dependencies": [CLEAN]}, {"boto3"}) == (0, ["1 packages audited"])


def test_a_vulnerability_fails_and_is_named():
    code, lines = judge({"dependencies": [VULNERABLE]}, {"boto3"})

    assert code == 1
    assert lines[0] == "boto3 1.0: X-1, fixed in 1.1"


def test_a_pin_that_was_skipped_fails():
    assert judge({"dependencies": [SKIPPED]}, {"boto3"})[0] == 1


def test_an_audit_of_nothing_fails():
    assert judge({"dependencies": []}, set())[0] == 1


def test_the_pins_are_read_from_the_requirements():
    assert {"boto3", "streamlit", "scikit-learn"} <= pinned_names()
