"""`sintonia runs --tree`: the turns of each run as an indented tree: who came from whom, why, what it gave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from sintonia.cli.vaults import is_readable, why_unreadable
from sintonia.errors import SintoniaError
from sintonia.pipeline import duration
from sintonia.report import TurnNode, TurnTree, read_turn_tree
from sintonia.runs import RunFolder


def turns_of_run(path: str) -> TurnTree | str:
    """The tree of a run, or why it cannot be read."""
    if not is_readable(Path(path)):
        return "in a vault: SINTONIA_VAULT_PASSPHRASE opens it"
    try:
        return read_turn_tree(RunFolder.open(path))
    except SintoniaError as error:
        return why_unreadable(error)[1]


def show_trees(rows: list[dict[str, Any]]) -> None:
    """Prints one tree a run on standard output; `rows` hold `run`, `outcome` and `turns`."""
    for row in rows:
        found = row["turns"]
        tree = Tree(Text(f"{row['run']}  {row['outcome']}", style="bold"), guide_style="dim")
        if isinstance(found, str):
            tree.add(Text(found))
        else:
            _grow(tree, found)
        Console(highlight=False).print(tree)


def _grow(root: Tree, found: TurnTree) -> None:
    branches: dict[int | None, Tree] = {None: root}
    has_parts = len({node.part for node in found.nodes}) > 1
    for node in found.nodes:
        above = branches.get(node.parent, root)
        branches[node.number] = above.add(Text(_words(node, has_parts=has_parts)))
    if not found.nodes:
        root.add(Text("no turn has ended yet"))
    if found.flattery:
        root.add(Text(found.flattery, style="dim"))


def _words(node: TurnNode, *, has_parts: bool) -> str:
    """`turn 2  training.epochs: 3 -> 6  (T212)  accuracy 0.912  +1.3 points (standard error 0.6)  14 s`."""
    part = f"part {node.part}" if has_parts else ""
    judged = "judged" if node.is_judged else ""
    score = f"{node.metric.replace('_', ' ')} {node.value:.3f}"
    why = node.change or node.why
    codes = f"shows {', '.join(node.findings)}" if node.findings else "shows nothing wrong"
    pieces = (f"turn {node.number}", part, why, score, node.gave, duration(node.seconds), codes, judged)
    return "  ".join(piece for piece in pieces if piece)
