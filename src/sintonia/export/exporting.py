"""One export: refused early, written beside its place, proved, described, and put in place as a whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from sintonia.audit import names_of, record
from sintonia.errors import RunFailed, SintoniaError, StorageError, Unavailable, UsageError, nearest
from sintonia.export.adapter import ADAPTER
from sintonia.export.format import Format, Reader
from sintonia.export.gguf import GGUF
from sintonia.export.hub_folder import HUB_FOLDER
from sintonia.export.merged import MERGED
from sintonia.export.ollama import OLLAMA
from sintonia.export.onnx import ONNX
from sintonia.export.proof import QUANTISED, Agreement, Precision, Runtime, check, tolerance_of
from sintonia.export.proving import compare
from sintonia.export.readers.language import read_ours
from sintonia.export.readers.texts import OurTextModel
from sintonia.export.sentence_transformers import SENTENCE_TRANSFORMERS
from sintonia.export.source import Source, open_source
from sintonia.files import follow_umask, keep_private, sha256_file, storage_errors, sync_folder, sync_tree, write_json
from sintonia.runs import RunFolder

FORMATS = {one.name: one for one in (ADAPTER, MERGED, GGUF, OLLAMA, ONNX, SENTENCE_TRANSFORMERS, HUB_FOLDER)}
PROOF = "proof.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of an export."""

    format: str
    folder: Path
    precision: Precision | None = None
    """The numbers that weights are written in; None takes the usual ones of the format."""
    is_unproven: bool = False
    """Whether an export is kept that only our own code has read again, where its runtime is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was exported, and how it is used."""

    folder: Path
    proof: dict[str, Any]
    """The content of `proof.json`."""
    commands: tuple[tuple[str, str], ...]
    """Programs, and the command of each."""


def export_run(run: RunFolder, wanted: Wanted) -> Exported:
    """Writes the model of a finished run in a format, and proves that it is the same model.

    Raises:
        UsageError: no such format, or none for this model, or the folder is there.
        Unavailable: the runtime of the format is not installed.
        RunFailed: what was written does not say what the model of the run says; nothing of it stays.
        StorageError: the disk refuses, or the model is damaged; nothing half written stays.
    """
    form = _format(wanted.format)
    precision = _precision(form, wanted.precision)
    _refuse_folder(run, wanted.folder)
    source = open_source(run)
    why = form.refuses(source)
    if why:
        fitting = [one.name for one in FORMATS.values() if not one.refuses(source)]
        raise UsageError(f"`{form.name}` does not fit this run: {why}", expected=f"one of {', '.join(fitting)}")
    has_runtime = _has_runtime(form, source, is_unproven=wanted.is_unproven)
    folder = wanted.folder.absolute()
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-unfinished-", dir=folder.parent))
    try:
        with storage_errors(folder):
            (work / "out").mkdir()
            form.write(source, work / "out", precision)
            agreement, runtime = _prove(form, source, (work, precision), has_runtime=has_runtime)
            proof = _describe(form, source, work / "out", (precision, agreement, runtime))
            (keep_private if run.is_in_vault else follow_umask)(work)
            sync_tree(work / "out")
            _refuse_folder(run, folder)  # another export may have made it meanwhile
            (work / "out").rename(folder)
            sync_folder(folder.parent)
    except SafetensorError as error:  # what the disk says reaches us as this, not as an OSError
        raise StorageError(f"cannot write the model into `{folder}`: {error}", hint="check free space") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    record("export", **names_of(run.place), format=form.name, folder=folder.name, sha256=sha256_file(folder / PROOF))
    return Exported(folder=folder, proof=proof, commands=form.commands(source, folder))


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise UsageError(
            f"there is no format `{name}`", hint=f"formats near it: {nearest(name, FORMATS)}", where="--to"
        )
    return FORMATS[name]


def _precision(form: Format, asked: Precision | None) -> Precision:
    if asked is None:
        return form.precisions[0]
    if asked not in form.precisions:
        raise UsageError(
            f"`{form.name}` is not written in {asked}", expected=" or ".join(form.precisions), where="--precision"
        )
    return asked


def _refuse_folder(run: RunFolder, folder: Path) -> None:
    if folder.absolute().resolve().is_relative_to(run.place.resolve()):
        raise UsageError(f"`{folder}` lies in the run", hint="name a folder outside of it", where="--out")
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"`{folder}` is there already", hint="name a new folder with `--out DIR`", where="--out")


def _has_runtime(form: Format, source: Source, *, is_unproven: bool) -> bool:
    """Whether the export can be proved in its own runtime.

    Raises:
        Unavailable: it cannot, or a package is missing that writes it.
    """
    missing = [name for name in form.extra if not is_installed(name)]
    if missing:
        raise Unavailable(
            f"`{form.name}` needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            hint=f"pip install 'sintonia[{form.name}]'",
        )
    needed = form.needs(source)
    if not needed or is_installed(needed):
        return True
    if not is_unproven:
        raise Unavailable(
            f"{needed} is not installed, so nothing can prove this export",
            hint=f"pip install {needed}; or `--unproven`, which keeps what only sintonia itself has read again",
        )
    return False


def is_installed(package: str) -> bool:
    """Whether a package can be imported here."""
    return find_spec(package.replace("-", "_")) is not None


def _prove(
    form: Format, source: Source, written: tuple[Path, Precision], *, has_runtime: bool
) -> tuple[Agreement, Runtime]:
    work, precision = written
    spare = work / "spare"
    spare.mkdir()
    exported: Reader
    try:
        if has_runtime:
            exported = form.read(source, work / "out", spare)
        elif source.kind == "language":
            exported = read_ours(work / "out")
        else:
            exported = OurTextModel(work / "out", source.task)
    except (SintoniaError, OSError, MemoryError):
        raise
    except Exception as error:  # a runtime of others: it may raise anything
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RunFailed(
            f"what was exported cannot be opened: {line}", hint="nothing was kept; please report it"
        ) from error
    agreement = compare(source, exported, form.rounded(source, precision))
    check(agreement, precision, exported.runtime)
    if form.read_exactly and precision in QUANTISED and not exported.runtime.is_exact:
        exact: Any = form.read_exactly(source, work / "out", spare)
        check(compare(source, exact, form.rounded(source, precision)), precision, exact.runtime)
    return agreement, exported.runtime


def _describe(form: Format, source: Source, out: Path, proved: tuple[Precision, Agreement, Runtime]) -> dict[str, Any]:
    """Writes the card and the proof beside what was exported."""
    precision, agreement, runtime = proved
    card = source.run.file("card.md")
    name = "README.md" if form is FORMATS["hub-folder"] else "card.md"
    if card.is_file():
        text = card.read_text(encoding="utf-8").rstrip()
        (out / name).write_text(f"{text}\n\n{_paragraph(form, precision, agreement, runtime)}", encoding="utf-8")
    tolerance, cost = tolerance_of(precision, runtime), agreement.cost
    files = sorted(path for path in out.rglob("*") if path.is_file())
    proof = {
        "format": form.name,
        "precision": precision,
        "runtime": asdict(runtime),
        "written_by": {one: _version(one) for one in ("sintonia", "transformers", "torch", *_writers(form))},
        "examples": agreement.num_examples,
        "examples_from": "validation",
        "longer_examples_left_out": agreement.num_longer,
        "compared": agreement.compared,
        "largest_difference": agreement.largest_difference,
        "largest_difference_from_run": agreement.largest_from_run,
        "tolerance": tolerance.largest,
        "tolerance_reason": tolerance.reason,
        "answers_equal_fraction": agreement.answers_equal,
        "cost": None if cost is None else {**asdict(cost), "change": cost.change},
        "files": {path.relative_to(out).as_posix(): sha256_file(path) for path in files},
    }
    write_json(out / PROOF, proof)
    return proof


def _writers(form: Format) -> tuple[str, ...]:
    return ("gguf",) if form in (GGUF, OLLAMA) else form.extra


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _paragraph(form: Format, precision: Precision, agreement: Agreement, runtime: Runtime) -> str:
    """What the card says of the export."""
    told = [
        f"This is the model of the run as `{form.name}` ({precision}). The same {agreement.num_examples} validation "
        f"examples went through it in {runtime.name} {runtime.version}: its outputs differ from "
        f"those of {_whose(precision)} by at most "
        f"{agreement.largest_difference:.1g} of the largest (allowed: {tolerance_of(precision, runtime).largest:g}).",
    ]
    if not runtime.is_independent:
        told.append("No program but sintonia has read it: that it works elsewhere is not proved.")
    if agreement.answers_equal is not None:
        told.append(f"{agreement.answers_equal:.0%} of the answers are the same.")
    if agreement.num_longer:
        told.append(
            f"{agreement.num_longer} more have more tokens than are read at once: other programs cut their end, which "
            "sintonia may not, so they were not compared."
        )
    if agreement.cost is not None and precision != "f32":
        cost = agreement.cost
        told.append(f"Rounding the weights changes {cost.metric} from {cost.run:.4f} to {cost.exported:.4f}.")
    told.append(f"`{PROOF}` has the figures and the hash of every file. The scores above are those of the run itself.")
    return "## Export\n\n" + " ".join(told) + "\n"


def _whose(precision: Precision) -> str:
    return "the model of the run" if precision == "f32" else f"the weights of the run, rounded to {precision},"
