"""`/v1/fine_tuning/jobs`: create, list, look at, cancel, pause and resume jobs; their events and checkpoints."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from sintonia.serve.jobs import Asked, checkpoints_of
from sintonia.serve.refusals import Refused, not_found
from sintonia.serve.routes.access import behind_token, state_of
from sintonia.serve.routes.creating import create
from sintonia.serve.routes.paging import After, page_of, unknown_after
from sintonia.serve.store import Job, Store
from sintonia.serve.store.jobs import ENDED

router = APIRouter(prefix="/v1/fine_tuning/jobs")
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.post("")
@behind_token
def create_job(request: Request, asked: Asked) -> dict[str, Any]:
    """Begins a fine-tuning job; it waits for its turn."""
    return create(state_of(request), asked).as_object()


@router.get("")
@behind_token
def list_jobs(request: Request, after: After = None, limit: Limit = 20) -> dict[str, Any]:
    """The jobs, the newest first; `metadata[KEY]=VALUE` picks some, `metadata=null` those without any."""
    jobs = state_of(request).store.jobs
    before = jobs.find(after) if after is not None else None
    if after is not None and before is None:
        raise unknown_after(after)
    wanted = _wanted(request)
    found = [one for one in jobs.newest_first(before.number if before else None) if _fits(one, wanted)]
    return page_of([one.as_object() for one in found[: limit + 1]], limit)


@router.get("/{job_id}")
@behind_token
def retrieve_job(request: Request, job_id: str) -> dict[str, Any]:
    """One job."""
    return _found(request, job_id).as_object()


@router.post("/{job_id}/cancel")
@behind_token
def cancel_job(request: Request, job_id: str) -> dict[str, Any]:
    """Ends a job before it is done."""
    state, job = state_of(request), _under_way(request, job_id)
    if state.store.jobs.move(job.id, "cancelled", expected=("validating_files", "queued", "running", "paused")):
        state.store.events.add(job.id, "Fine-tuning job cancelled")
    state.scheduler.let_go(job.id)
    return _woken(request, job_id)


@router.post("/{job_id}/pause")
@behind_token
def pause_job(request: Request, job_id: str) -> dict[str, Any]:
    """Stops a job so that it can go on later. The interface shows it as `queued`, `sintonia_state` as `paused`."""
    state, job = state_of(request), _under_way(request, job_id)
    if state.store.jobs.move(job.id, "paused", expected=("validating_files", "queued")):
        state.store.events.add(job.id, "Fine-tuning job paused")
    else:
        state.store.jobs.wish(job.id, "pause")
    return _woken(request, job_id)


@router.post("/{job_id}/resume")
@behind_token
def resume_job(request: Request, job_id: str) -> dict[str, Any]:
    """Lets a paused job go on where it was."""
    state, job = state_of(request), _under_way(request, job_id)
    if state.store.jobs.move(job.id, "validating_files", expected=("paused",)):
        state.store.events.add(job.id, "Fine-tuning job resumed")
    elif job.wish:
        state.store.jobs.wish(job.id, "")
    else:
        raise Refused(400, f"The job is not paused: it is {job.status}", code="invalid_job_state", about="id")
    return _woken(request, job_id)


@router.get("/{job_id}/events")
@behind_token
def list_events(request: Request, job_id: str, after: After = None, limit: Limit = 20) -> dict[str, Any]:
    """What happened to a job, the newest first."""
    job, events = _found(request, job_id), state_of(request).store.events
    number = events.number_of(job.id, after) if after is not None else None
    if after is not None and number is None:
        raise unknown_after(after)
    return page_of([one.as_object() for one in events.page(job.id, after=number, most=limit + 1)], limit)


@router.get("/{job_id}/checkpoints")
@behind_token
def list_checkpoints(request: Request, job_id: str, after: After = None, limit: Limit = 10) -> dict[str, Any]:
    """The validations of a job, the newest first. The weights of the best one alone are kept: the model."""
    job = _found(request, job_id)
    found = checkpoints_of(_store(request), job.id, job.tuned_name)
    names = [one["id"] for one in found]
    if after is not None and after not in names:
        raise unknown_after(after)
    return page_of(found[names.index(after) + 1 if after else 0 :], limit)


def _store(request: Request) -> Store:
    return state_of(request).store


def _found(request: Request, job_id: str) -> Job:
    found = _store(request).jobs.find(job_id)
    if found is None:
        raise not_found("fine-tuning job", job_id)
    return found


def _woken(request: Request, job_id: str) -> dict[str, Any]:
    """The job as it is now, after the scheduler was told to look again."""
    state_of(request).scheduler.wake()
    return _found(request, job_id).as_object()


def _under_way(request: Request, job_id: str) -> Job:
    """A job that has not ended."""
    job = _found(request, job_id)
    if job.status in ENDED:
        raise Refused(400, f"The job has ended already: it is {job.status}", code="invalid_job_state", about="id")
    return job


def _wanted(request: Request) -> dict[str, str] | None:
    """The metadata that jobs must have; None for those that have none."""
    wanted = {}
    for name, value in request.query_params.multi_items():
        if name == "metadata" and value == "null":
            return None
        if name.startswith("metadata[") and name.endswith("]"):
            wanted[name[len("metadata[") : -1]] = value
        elif name.startswith("metadata"):
            raise Refused(400, "`metadata` is `metadata[KEY]=VALUE` or `metadata=null`", code="invalid_value",
                          about="metadata")  # fmt: skip
    return wanted


def _fits(job: Job, wanted: dict[str, str] | None) -> bool:
    if wanted is None:
        return not job.metadata
    has = job.shown_metadata
    return all(has.get(name) == value for name, value in wanted.items())
