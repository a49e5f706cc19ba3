"""``python -m tests.audit``: look the pinned versions up among known vulnerabilities.

Exit code 1 when a pinned package has a known vulnerability, or when not every pin was audited (an
audit that looked at nothing must not pass).
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements.txt"


def pinned_names() -> set[str]:
    """The packages that requirements.txt pins, in the spelling of the index."""
    lines = REQUIREMENTS.read_text().splitlines()
    return {
        line.split("==")[0].strip().lower().replace("_", "-").replace(".", "-")
        for line in lines
        if "==" in line
    }


def judge(report: dict, pins: set[str]) -> tuple[int, list[str]]:
    """Exit code and what to print for one pip-audit report."""
    audited = {
        one["name"].lower().replace("_", "-").replace(".", "-")
        for one in report["dependencies"]
        if "skip_reason" not in one
    }
    findings = [
        f"{one['name']} {one['version']}: {bug['id']}, fixed in {', '.join(bug['fix_versions'])}"
        for one in report["dependencies"]
        for bug in one.get("vulns", [])
    ]
    missed = sorted(pins - audited)
    if missed:
        why = {one["skip_reason"] for one in report["dependencies"] if "skip_reason" in one}
        findings.append(f"not audited: {', '.join(missed)} ({min(why, default='not reported')})")
    return (1 if findings or not audited else 0), [*findings, f"{len(audited)} packages audited"]


def main() -> int:
    """Run pip-audit over the pins and judge its report."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--format",
        "json",
        "--progress-spinner",
        "off",
        "--no-deps",
        "--disable-pip",
        "-r",
        str(REQUIREMENTS),
    ]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        report = json.loads(answer.stdout)
    except json.JSONDecodeError:
        print(f"nothing was audited: {answer.stderr.strip()[-500:]}", file=sys.stderr)
        return 1
    code, lines = judge(report, pinned_names())
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
