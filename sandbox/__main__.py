"""Serve the pretend account and cluster until interrupted: ``python -m sandbox``."""

import argparse
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from sandbox.shop.serving import PortTakenError, ShopServer, summary, write_connection

USUAL_AWS_PORT = 5566
USUAL_KUBE_PORT = 5567


def main() -> None:
    """Serve, and say how to reach it; exit code 1 where a port is taken."""
    asked = _arguments()
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        server = ShopServer(
            asked.seed, datetime.now(UTC), aws_port=asked.aws_port, kube_port=asked.kube_port
        )
    except PortTakenError as error:
        sys.exit(f"sandbox: {error}")
    with server:
        connection = server.connection()
        if asked.connection is not None:
            write_connection(connection, asked.connection)
        sys.stdout.write(summary(connection))
        sys.stdout.flush()
        signal.sigwait(signals)
        os._exit(0)  # open watches and long polls would be waited for; nothing here is kept


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which world (default 1)")
    parser.add_argument("--aws-port", type=int, default=USUAL_AWS_PORT)
    parser.add_argument("--kube-port", type=int, default=USUAL_KUBE_PORT)
    parser.add_argument(
        "--connection", type=Path, metavar="FILE", help="write how to connect, as JSON"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
