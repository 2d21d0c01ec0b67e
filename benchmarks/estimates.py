"""How far is what a run is promised to cost, before it trains, from what it costs?

    python -m benchmarks.estimates [--out FOLDER] [--data CLASSIFY_FILE] [--chat CHAT_FILE] [--only NAME] [--json]

Twelve runs, each `sintonia tune` in a process of its own: `minilm` learning to classify by all weights, by a head alone
and by adapters, from three numbers of rows; `smollm2` learning short conversations by all weights and by adapters. Of
each, the seconds and the peak memory that were promised stand beside those that were measured, and the seconds that
were promised again by real steps. A case that is done is not done again: one line of JSON each in FOLDER/cases.jsonl.

Bars: of seconds and of memory each, the median of the relative errors at most 15 %, the largest at most 35 %. Run it
while nothing else computes on the machine: a promise supposes that the machine stays as fast as it was found.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEDIAN_BAR, WORST_BAR = 0.15, 0.35
DATA = Path("../shared/data")
CLASSIFY, CHAT = DATA / "trec/train.jsonl", DATA / "instructions_tiny/sft_train.jsonl"
COLUMNS = {"classify": "input=text,target=label"}
BASES = {"classify": "minilm", "chat": "smollm2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run: what it learns, how, and from how many rows."""

    task: str
    method: str
    num_rows: int
    settings: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it is asked for by `--only`."""
        return f"{self.task}-{self.method}-{self.num_rows}"


CASES = (
    *(
        Case(task="classify", method=method, num_rows=rows, settings=("training.epochs=1",))
        for method in ("head", "lora", "full")
        for rows in (600, 1200, 2400)
    ),
    Case(task="chat", method="lora", num_rows=320, settings=("training.epochs=0.5", "training.max_tokens=96")),
    Case(task="chat", method="lora", num_rows=480, settings=("training.epochs=0.5", "training.max_tokens=96")),
    Case(task="chat", method="full", num_rows=320, settings=("training.epochs=0.5", "training.max_tokens=96")),
)
_OF_CHAT = ("training.evaluations=2", "evaluation.new_tokens=16")


def main(words: Sequence[str] | None = None) -> int:
    """Runs what is not done yet, prints the table, and says whether the bars are met."""
    asked = _asked(words)
    folder = asked.out.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    done = {one["name"]: one for one in _lines(folder / "cases.jsonl")}
    # Half a line, of a process that was killed, would spoil the next one.
    (folder / "cases.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in done.values()), encoding="utf-8")
    for case in CASES:
        if case.name in done or (asked.only and asked.only != case.name):
            continue
        print(f"{case.name} ...", file=sys.stderr, flush=True)
        found = run_case(case, folder, {"classify": asked.data, "chat": asked.chat}[case.task])
        with (folder / "cases.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(found) + "\n")
        done[case.name] = found
    found = [done[case.name] for case in CASES if case.name in done]
    summary = summary_of(found)
    if asked.json:
        print(json.dumps({"cases": found, "summary": summary}, indent=1))
    else:
        print("\n".join(table(found, summary)))
    return 0


def run_case(case: Case, folder: Path, data: Path) -> dict[str, Any]:
    """Tunes once, in a process of its own, with a home that knows no split and no opening; the bases are shared."""
    place, home = folder / case.name, folder / f"{case.name}-home"
    shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)
    place.mkdir(parents=True)
    home.mkdir()
    _share_bases(home)
    rows = place / "rows.jsonl"
    lines = data.read_text(encoding="utf-8").splitlines()[: case.num_rows]
    rows.write_text("\n".join(lines) + "\n", encoding="utf-8")
    columns = ["--columns", COLUMNS[case.task]] if case.task in COLUMNS else []
    settings = [*case.settings, *(_OF_CHAT if case.task == "chat" else ())]
    asked = ["--task", case.task, "--base", BASES[case.task], "--method", case.method]
    command = ["tune", str(rows), *settings, *asked, *columns]
    accepted = [word for code in ("D103", "D110", "D113", "D130", "D133") for word in ("--accept", code)]
    finished = subprocess.run(
        [sys.executable, "-m", "sintonia", *command, *accepted, "--out", str(place / "run")],
        env=os.environ | {"SINTONIA_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise SystemExit(f"{case.name} failed: {finished.stderr[-2000:]}")
    body = json.loads((place / "run/resources.json").read_text(encoding="utf-8"))
    shutil.rmtree(place / "run/model", ignore_errors=True)
    shutil.rmtree(place / "run/turns", ignore_errors=True)
    return {"name": case.name, **{key: body.get(key) for key in ("estimated", "refined", "measured")}}


def _share_bases(home: Path) -> None:
    known = Path(os.environ.get("SINTONIA_HOME", Path.home() / ".cache/sintonia")) / "models"
    if known.is_dir():
        (home / "models").symlink_to(known)


def error_of(found: dict[str, Any], field: str, promise: str = "estimated") -> float | None:
    """Promised against measured, as a share of what was measured; None where nothing was promised."""
    promised = (found.get(promise) or {}).get(field)
    paid = found["measured"][field]
    return None if promised is None else promised / paid - 1


def summary_of(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Median and worst relative errors, and how often the measured seconds lay within the promised interval."""
    summary: dict[str, Any] = {"num_cases": len(found)}
    for field in ("seconds", "peak_memory_bytes"):
        errors = [abs(error) for one in found if (error := error_of(one, field)) is not None]
        if errors:
            median, worst = statistics.median(errors), max(errors)
            summary[field] = {
                "median": median,
                "worst": worst,
                "is_met": median <= MEDIAN_BAR and worst <= WORST_BAR and len(errors) == len(CASES),
            }
    inside = [
        one["estimated"]["low_seconds"] <= one["measured"]["seconds"] <= one["estimated"]["high_seconds"]
        for one in found
        if one["estimated"].get("low_seconds") is not None
    ]
    summary["num_within_interval"] = sum(inside)
    return summary


def table(found: Sequence[dict[str, Any]], summary: dict[str, Any]) -> Iterator[str]:
    """The cases and the summary as lines of Markdown."""
    yield "| case | promised s | between | by real steps s | measured s | error | promised GiB | measured GiB | error |"
    yield "|---|---:|---|---:|---:|---:|---:|---:|---:|"
    for one in found:
        promised, paid, refined = one["estimated"], one["measured"], one.get("refined") or {}
        between = f"{promised['low_seconds']:.0f} to {promised['high_seconds']:.0f}"
        again = f"{refined['seconds']:.0f}" if refined else ""
        memory = [each["peak_memory_bytes"] / 2**30 for each in (promised, paid)]
        errors = [error_of(one, field) or 0.0 for field in ("seconds", "peak_memory_bytes")]
        yield (
            f"| {one['name']} | {promised['seconds']:.0f} | {between} | {again} | {paid['seconds']:.0f} | "
            f"{errors[0]:+.0%} | {memory[0]:.2f} | {memory[1]:.2f} | {errors[1]:+.0%} |"
        )
    yield ""
    for field, what in (("seconds", "seconds"), ("peak_memory_bytes", "peak memory")):
        if field in summary:
            one = summary[field]
            outcome = "met" if one["is_met"] else "not met"
            yield (
                f"{what}: median error {one['median']:.1%}, worst {one['worst']:.1%} "
                f"(bars {MEDIAN_BAR:.0%} and {WORST_BAR:.0%} over {len(CASES)} cases: {outcome})"
            )
    yield f"measured within the promised interval: {summary['num_within_interval']} of {summary['num_cases']}"


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]  # a line that was being written counts for nothing
    return [json.loads(line) for line in whole.splitlines() if line]


def _asked(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=Path("runs/estimates"), help="folder of the cases, gone on with")
    parser.add_argument("--data", type=Path, default=CLASSIFY, help="JSONL of text and label, 2,400 rows at least")
    parser.add_argument("--chat", type=Path, default=CHAT, help="JSONL of short instructions, 480 rows at least")
    parser.add_argument("--only", default="", help="the name of one case")
    parser.add_argument("--json", action="store_true", help="print everything as JSON on standard output")
    return parser.parse_args(words)


if __name__ == "__main__":
    raise SystemExit(main())
