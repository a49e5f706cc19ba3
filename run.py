"""``make run``: the workbench with everything it needs, on this machine."""

import sys

from starter.main import main

if __name__ == "__main__":
    sys.exit(main())
