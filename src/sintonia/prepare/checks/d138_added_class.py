"""D138: added rows of classes that the data do not have.

What: rows of files that are added for training (`data.added`) whose class no other row has.
Why it matters: often it is a class spelled in another way, which the model would learn as one of its own. A class that
is new indeed is in no row of validation and the test, which stay as they are: nothing can be measured of it. It stops
the run; accepted, the class is trained, and the verdict is about the others.
What to do: spell the class as the data do; for a class that is new, put rows of it into the data file, so that a new
split tests it too.
"""

from __future__ import annotations

import difflib

import numpy as np

from sintonia.prepare.audit import Audit, named
from sintonia.prepare.table import shown
from sintonia.records import Finding

CODE = "D138"


def check(audit: Audit) -> Finding | None:
    """One finding that names the classes."""
    if not audit.rows.classes or not audit.num_added:
        return None
    added = np.arange(len(audit.rows)) >= len(audit.rows) - audit.num_added
    known = np.unique(audit.rows.codes[~added])
    new = np.flatnonzero(added & ~np.isin(audit.rows.codes, known))
    if not len(new):
        return None
    names = sorted({audit.rows.classes[code] for code in audit.rows.codes[new]})
    classes = "a class" if len(names) == 1 else f"{len(names)} classes"
    rows = "row is" if len(new) == 1 else "rows are"
    perhaps = _perhaps(names, [audit.rows.classes[code] for code in known])
    return Finding(
        code=CODE,
        severity="stop",
        count=len(new),
        message=f"{len(new):,} added {rows} of {classes} that the data do not have, and of which validation and test "
        f"can show nothing: {named(names)}{perhaps}",
        hint="spell them as the data do; for a new class, put all rows into one file and `sintonia tune` it: a new "
        "split then tests the class too",
        places=audit.places(new),
    )


def _perhaps(names: list[str], known: list[str]) -> str:
    """What the new names may mean, where they are nearly those of classes that there are."""
    folded = {one.casefold().strip(): one for one in known}
    near = {one: difflib.get_close_matches(one.casefold().strip(), folded, n=1, cutoff=0.75) for one in names[:5]}
    told = [f"`{shown(one)}` for `{shown(folded[found[0]])}`" for one, found in near.items() if found]
    return f" (perhaps {', '.join(told)})" if told else ""
