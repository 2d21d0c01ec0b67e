"""The door to an erasure: planned, carried out, gone on with. It removes nothing by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sintonia.corridor.erasing.plan import Plan, Wanted, read_plan
from sintonia.errors import UsageError
from sintonia.runs import RunFolder

if TYPE_CHECKING:
    from sintonia.corridor.erasing.certificate import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """An erasure that is planned, or was broken off and can be gone on with."""

    plan: Plan
    is_broken_off: bool
    wanted: Wanted

    def carry_out(self, tell: Callable[[str], None]) -> Certificate:
        """Removes what the plan says."""
        from sintonia.corridor.erasing.carrying_out import carry_out
        from sintonia.corridor.erasing.planning import signed

        return carry_out(self.plan if self.is_broken_off else signed(self.plan, self.wanted), tell)

    def begin_retraining(self) -> RunFolder:
        """The run folder in which the run is trained anew."""
        from sintonia.corridor.erasing.retraining import begin

        return begin(self.plan)

    def finish(self, run: RunFolder) -> Certificate:
        """Certifies the run that was trained anew."""
        from sintonia.corridor.erasing.carrying_out import finish
        from sintonia.corridor.erasing.planning import signed

        return finish(self.plan if self.is_broken_off else signed(self.plan, self.wanted), run)


def plan_erasure(**asked: Any) -> Erasure:
    """What an erasure will do; or the one in these files that was broken off. See `Wanted` for what can be asked.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. Nothing is changed.
    """
    from sintonia.corridor.erasing.planning import asked_of, group_column, make_plan

    wanted = Wanted(**asked)
    files = [one.expanduser().absolute() for one in wanted.files]
    broken_off = read_plan(files)
    if wanted.subject is not None and broken_off is None:
        wanted = replace(wanted, column=group_column(wanted))
    if broken_off is None:
        if wanted.subject is None and not wanted.lines:
            raise UsageError("which rows are to be erased?", hint="`--subject KEY`, or `--rows 12,40-45`")
        return Erasure(plan=make_plan(wanted), is_broken_off=False, wanted=wanted)
    is_same = wanted.subject is None and not wanted.lines
    columns = {wanted.column} if wanted.column else {wanted.column, *_columns(wanted)}
    if not is_same and not any(asked_of(replace(wanted, column=one)) == broken_off.asked for one in columns):
        raise UsageError(
            "another erasure in these files was broken off and is not finished",
            expected="the same command as before, or `sintonia erase` with the files alone, which goes on with it",
            where=str(Path(broken_off.files[0].path)),
            hint="finish it first; then call this one again",
        )
    return Erasure(plan=broken_off, is_broken_off=True, wanted=wanted)


def _columns(wanted: Wanted) -> list[str]:
    from sintonia.corridor.erasing.planning import group_column

    try:
        return [group_column(wanted)]
    except UsageError:
        return []
