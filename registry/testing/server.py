"""`python -m registry.testing.server PARENT`: an ephemeral registry that ends with the process of this number."""

import sys

from registry.cli import main
from registry.server import die_with

if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    main(["serve", "--ephemeral", "--port", "0"])
