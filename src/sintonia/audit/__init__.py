"""The audit log of this person: one JSON line an event, appended and chained by hashes, at `SINTONIA_HOME/audit/`.

Each line holds the sha256 of the line before it; `head.json` beside the log holds number and hash of the last one, and
run folders keep such heads too (`audit.json`), so that edits, deletions, reordered lines and truncations are found. Who
computes all hashes anew, and changes the heads that others keep as well, is not found out. Facts are ids, hashes,
numbers and names: never the text of a row, a prompt or an answer, and never a token.
"""

from sintonia.audit.log import ANCHOR, EVENTS, Anchor, Entry, Fact, Head, entries, log_path, names_of, read_head, record
from sintonia.audit.proof import Break, Proof, verify

__all__ = [
    "ANCHOR",
    "EVENTS",
    "Anchor",
    "Break",
    "Entry",
    "Fact",
    "Head",
    "Proof",
    "entries",
    "log_path",
    "names_of",
    "read_head",
    "record",
    "verify",
]
