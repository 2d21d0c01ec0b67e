"""Which rows a run has seen, and which runs have seen a row: leaves and roots, and the register at `SINTONIA_HOME`.

It holds hashes alone, opens no data file and changes no run.
"""

from sintonia.privacy.lineage.leaves import Leaves, key_of_text, keys_of, leaves_of, merkle_root
from sintonia.privacy.lineage.register import LINEAGE, Entry, Lineage, Register, RowReading, RowSet

__all__ = [
    "LINEAGE",
    "Entry",
    "Leaves",
    "Lineage",
    "Register",
    "RowReading",
    "RowSet",
    "key_of_text",
    "keys_of",
    "leaves_of",
    "merkle_root",
]
