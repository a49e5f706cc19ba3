"""``python run.py`` started by a test: its ports, its folder, its output by line."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request

import psutil

from db.session import Database, PoolSettings
from tests.web_server import ROOT

PATIENCE_SECONDS = 90
STOP_SECONDS = 10
READY = r"make run .* ready after"


class Run:
    """``python run.py`` with ports and a folder of its own; its output by line."""

    def __init__(self, var, ports):
        self.var = var
        self.port, self.metrics_port, self.aws_port, self.kube_port = ports
        self.lines = []
        self._news = threading.Condition()
        self.process = self.start()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self):
        command = [sys.executable, "run.py", "--var", str(self.var)]
        command += ["--aws-port", str(self.aws_port), "--kube-port", str(self.kube_port)]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def interrupt(self):
        """Ctrl-C, unless it has ended already; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=STOP_SECONDS)

    def close(self):
        """Whatever a test left running."""
        leftovers = self.children() if self.process.poll() is None else []
        self.process.kill()
        self.process.wait()
        psutil.wait_procs(leftovers, timeout=STOP_SECONDS)
        self._reader.join()
        self.process.stdout.close()

    def environment(self):
        own = {"PORT": str(self.port), "METRICS_PORT": str(self.metrics_port)}
        unset = {"DATABASE_URL": "", "DB_HOST": "", "ENCRYPTION_KEY": "", "DATABASE_KIND": "real"}
        return os.environ | own | unset  # what a .env beside the checkout says does not count

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()

    def wait_for(self, pattern, *, times=1):
        """The newest line of output that matches, once as many have come."""

        def found():
            return [line for line in self.lines if re.search(pattern, line)]

        with self._news:
            is_there = self._news.wait_for(lambda: len(found()) >= times, PATIENCE_SECONDS)
        assert is_there, "\n".join(self.lines[-30:])
        return found()[-1]

    def database(self):
        pool = PoolSettings(size=1, max_overflow=0)
        return Database(f"sqlite:///{self.var / 'sandbox.sqlite3'}", pool)

    def children(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def get(self, port, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return json.load(answer)
