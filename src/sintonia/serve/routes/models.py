"""`/v1/models`: the bases of this machine, the runs that were named, the models that jobs have made."""

from __future__ import annotations

import shutil
from typing import Any

from fastapi import APIRouter, Request

from sintonia.serve.refusals import Refused, not_found
from sintonia.serve.routes.access import behind_token, state_of
from sintonia.serve.telling import tell_log

router = APIRouter(prefix="/v1/models")


@router.get("")
@behind_token
def list_models(request: Request) -> dict[str, Any]:
    """All models."""
    return {"object": "list", "data": [one.as_object() for one in state_of(request).offers.all()]}


@router.get("/{model:path}")
@behind_token
def retrieve_model(request: Request, model: str) -> dict[str, Any]:
    """One model."""
    return state_of(request).offers.find(model).as_object()


@router.delete("/{model:path}")
@behind_token
def delete_model(request: Request, model: str) -> dict[str, Any]:
    """Removes a model that a job has made, with its run folder."""
    state = state_of(request)
    found = state.offers.find(model)
    job = state.store.jobs.of_model(found.id)
    if job is None:
        what = "Only models that a job of this server has made can be deleted"
        raise Refused(403, what, code="model_not_deletable", about="model")
    if job.is_model_deleted:
        raise not_found("model", model)
    state.store.jobs.note(job.id, is_model_deleted=1)
    state.answering.forget(found)
    shutil.rmtree(state.store.jobs.run_path(job.id), ignore_errors=True)
    tell_log("model_deleted", model=found.id)
    return {"id": found.id, "object": "model", "deleted": True}
