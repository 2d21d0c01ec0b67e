"""What a run has seen of its data: the leaves of each set of rows, for the register of lineage. It writes one file."""

from __future__ import annotations

import io

import numpy as np

from sintonia.files import write_atomic
from sintonia.prepare.audit import SETS, Audit
from sintonia.prepare.rows import Rows
from sintonia.privacy.lineage import Leaves, keys_of, leaves_of
from sintonia.runs import RunFolder

SEEN_FILE = "cache/seen.npz"
"""The leaves on their way to the register, which takes them away."""
SET_ASIDE, PRODUCTION = "set aside", "production"
_MIXING = np.uint64(0x9E3779B97F4A7C15)


def write_seen(run: RunFolder, audit: Audit, whole: Rows, *, is_check: bool) -> None:
    """Leaves of every row that was read, by what it is used for; `whole` are all rows, used or not.

    Of ten parts every row is trained on. Rows that could not be read into examples have no leaf, as nothing of them is
    kept; a check, which is kept nowhere, writes nothing.
    """
    if is_check:
        return
    used = _leaves(audit.rows)
    positions = {"train": np.arange(len(audit.rows))} if audit.num_parts > 1 else {}
    sets = {name: _leaves(audit.rows.only(positions.get(name, audit.in_set(name)))) for name in SETS}
    if audit.num_parts > 1:
        sets = {"train": sets["train"]}
    everything = _leaves(whole)
    sets[SET_ASIDE] = everything[:, ~np.isin(_mixed(everything), _mixed(used))]
    if audit.production:
        keys = keys_of(audit.production)
        sets[PRODUCTION] = leaves_of(keys, keys)
    content = io.BytesIO()
    np.savez(content, **sets)
    write_atomic(run.file(SEEN_FILE), content.getvalue())


def take_seen(run: RunFolder) -> dict[str, Leaves]:
    """The leaves that were written, by set; nothing where there are none."""
    if not run.file(SEEN_FILE).exists():
        return {}
    with np.load(run.file(SEEN_FILE), allow_pickle=False) as sets:
        return {name: sets[name] for name in sets.files}


def _leaves(rows: Rows) -> Leaves:
    with np.errstate(over="ignore"):
        contents = rows.input_keys * _MIXING ^ rows.target_keys
    return leaves_of(rows.text_keys, contents)


def _mixed(leaves: Leaves) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(leaves[0] * _MIXING + leaves[1])
