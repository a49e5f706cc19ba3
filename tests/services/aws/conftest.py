"""Tests of the AWS adapter ask the pretend account over HTTP."""

from tests.pretend_aws import aws_access, aws_account, aws_scenario, aws_server, aws_waits

__all__ = ["aws_access", "aws_account", "aws_scenario", "aws_server", "aws_waits"]
