"""`python -m sintonia` is the command `sintonia`; nothing else lives here."""

from __future__ import annotations

import sys

from sintonia.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
