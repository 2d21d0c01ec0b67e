"""How much of the personal data in a labelled set is found, and how much of what is found is personal data?

    python -m benchmarks.personal_data [--data FOLDER] [--misses] [--json]

Recall and precision of each kind on presidio_synth (English sentences of Faker with spans). A value is found when a
match overlaps its span; a match is right when it overlaps a span of its kind. The labels of the set that we do not
look for (names, places, dates, licences) are neither missed nor wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sintonia.privacy import find_personal_data

SHARED = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
KINDS = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "IBAN_CODE": "iban",
    "CREDIT_CARD": "payment_card",
    "IP_ADDRESS": "ip_address",
    "US_SSN": "us_ssn",
}
"""Label of the set -> our kind."""


@dataclass(kw_only=True)
class Tally:
    """What was found of one kind."""

    num_spans: int = 0
    num_found: int = 0
    num_matches: int = 0
    num_right: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def scores(self) -> dict[str, Any]:
        """Counts, recall and precision; None where there is nothing to divide by."""
        return {
            "spans": self.num_spans,
            "matches": self.num_matches,
            "recall": self.num_found / self.num_spans if self.num_spans else None,
            "precision": self.num_right / self.num_matches if self.num_matches else None,
        }


def measure(paths: list[Path]) -> tuple[dict[str, Tally], dict[str, float]]:
    """The tally of each kind over all rows, and the speed."""
    tallies: dict[str, Tally] = {kind: Tally() for kind in KINDS.values()}
    counts: Counter[str] = Counter()
    seconds = 0.0
    for path in paths:
        with path.open(encoding="utf-8") as file:
            for row in map(json.loads, file):
                began = time.process_time()
                matches = find_personal_data(row["text"])
                seconds += time.process_time() - began
                counts["rows"] += 1
                counts["words"] += len(row["text"].split())
                _add(row, matches, tallies)
    return tallies, {**counts, "seconds": seconds, "seconds_per_million_words": seconds / counts["words"] * 1e6}


def _add(row: dict[str, Any], matches: tuple[Any, ...], tallies: dict[str, Tally]) -> None:
    text = row["text"]
    spans = [(KINDS[one["label"]], one["start"], one["end"]) for one in row["spans"] if one["label"] in KINDS]
    found = [(one.kind, one.start, one.end) for one in matches]
    for kind, start, end in spans:
        tallies[kind].num_spans += 1
        if any(_meet((kind, start, end), other) for other in found):
            tallies[kind].num_found += 1
        else:
            tallies[kind].missed.append(text[max(0, start - 40) : end + 20])
    for kind, start, end in found:
        tally = tallies.setdefault(kind, Tally())
        tally.num_matches += 1
        if any(_meet((kind, start, end), other) for other in spans):
            tally.num_right += 1
        else:
            tally.wrong.append(text[max(0, start - 40) : end + 20])


def _meet(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


def _table(tallies: dict[str, Tally]) -> str:
    lines = [f"{'kind':22}{'spans':>8}{'matches':>9}{'recall':>9}{'precision':>11}"]
    for kind, tally in tallies.items():
        scores = tally.scores()
        shown = [f"{scores[name]:.3f}" if scores[name] is not None else "-" for name in ("recall", "precision")]
        lines.append(f"{kind:22}{tally.num_spans:8,}{tally.num_matches:9,}{shown[0]:>9}{shown[1]:>11}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; without the data it says so and ends well."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.personal_data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=SHARED / "presidio_synth", help="folder of the JSONL files")
    parser.add_argument("--misses", action="store_true", help="also print what was missed and what was wrong")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    asked = parser.parse_args(arguments)
    paths = sorted(asked.data.glob("*.jsonl"))
    if not paths:
        print(f"skipped: no JSONL in `{asked.data}`: give --data or set SINTONIA_BENCH_DATA", file=sys.stderr)
        return 0
    tallies, speed = measure(paths)
    command = " ".join(["python -m benchmarks.personal_data", *(sys.argv[1:] if arguments is None else arguments)])
    if asked.json:
        heading = {"command": command, "files": [path.name for path in paths], "python": platform.python_version()}
        print(json.dumps(heading | speed | {"kinds": {kind: one.scores() for kind, one in tallies.items()}}, indent=1))
        return 0
    print(f"{command}\n{_table(tallies)}")
    print(f"{speed['rows']:,} rows, {speed['seconds_per_million_words']:.2f} s of processor a million words")
    for kind, tally in tallies.items() if asked.misses else ():
        print(*(f"missed {kind}: {text!r}" for text in tally.missed), sep="\n")
        print(*(f"wrong {kind}: {text!r}" for text in tally.wrong), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
