"""Personal data: found, hidden, replaced consistently. It loads no model and sends nothing anywhere."""

from sintonia.privacy.cells import Fate
from sintonia.privacy.detect import KIND_NAMES, Match, find_personal_data
from sintonia.privacy.files import Redaction, Seal, redact_file, refuse_existing, restore_file
from sintonia.privacy.redact import Redactor
from sintonia.privacy.retention import Due, due_runs, expire, expires

__all__ = [
    "KIND_NAMES",
    "Due",
    "Fate",
    "Match",
    "Redaction",
    "Redactor",
    "Seal",
    "due_runs",
    "expire",
    "expires",
    "find_personal_data",
    "redact_file",
    "refuse_existing",
    "restore_file",
]
