"""Serve the seeded account until interrupted: ``python -m sandbox.aws [--port N] [--seed N]``."""

import argparse
import signal
import sys

from sandbox.aws.scenario import (
    ADMIN_KEY,
    OPERATOR_KEY,
    REGION,
    ROLE_ARN,
    SECRET_KEY,
    Scenario,
    open_scenario,
)
from sandbox.aws.server import AwsServer

USUAL_PORT = 5566


def main() -> None:
    """Serve, and say how to reach it."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.aws", description=__doc__)
    parser.add_argument("--port", type=int, default=USUAL_PORT)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    scenario = open_scenario(asked.seed)
    with AwsServer(scenario.cloud, port=asked.port) as server:
        sys.stdout.write(_how_to_reach(scenario, server.url))
        sys.stdout.flush()
        signal.sigwait(signals)


def _how_to_reach(scenario: Scenario, url: str) -> str:
    return (
        f"endpoint          {url}\n"
        f"region            {REGION}\n"
        f"role              {ROLE_ARN}\n"
        f"external id       {scenario.external_id}\n"
        f"queue             {scenario.queue_url(url)}\n"
        f"operator's key    {OPERATOR_KEY} / {SECRET_KEY}\n"
        f"administrator     {ADMIN_KEY} / {SECRET_KEY}\n"
        f"control           {url}/_sandbox/\n"
    )


if __name__ == "__main__":
    main()
