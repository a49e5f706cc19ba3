"""Exit code 0 when a health address says that all is well, else 1, with the reason.

The body decides: a Streamlit app answers 200 on any path.
"""

import json
import sys
import urllib.request

TIMEOUT_SECONDS = 4


def main(address: str) -> str:
    """What is wrong; empty: nothing."""
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - ours
            status = json.load(answer).get("status")
    except (OSError, ValueError, AttributeError) as error:
        return f"{address}: {error}"
    return "" if status == "ok" else f"{address}: status is {status!r}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) or 0)
