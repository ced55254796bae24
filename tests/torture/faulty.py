"""`python -m tests.torture.faulty FOLDER serve ...`: a `cove` that does what FOLDER says at named steps (see `steps`).

What stands at the top level also runs in the workers that such a server spawns.
"""

import sys
from pathlib import Path

from registry.cli import main
from tests.torture.steps import Orders, install

install(Orders(Path(sys.argv[1])))

if __name__ == "__main__":
    main(sys.argv[2:], prog_name="cove")
