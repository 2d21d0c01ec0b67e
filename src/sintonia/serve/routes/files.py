"""`/v1/files`: upload, list, look at, read and delete files. What a file is called is data and no place."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import FileResponse

from sintonia.serve.refusals import Refused, not_found, shown
from sintonia.serve.routes.access import behind_token, state_of
from sintonia.serve.routes.paging import After, page_of, unknown_after
from sintonia.serve.store import StoredFile
from sintonia.serve.telling import tell_log

router = APIRouter(prefix="/v1/files")
TO_TRAIN = "fine-tune"
_MOST_LETTERS = 255


@router.post("")
@behind_token
def create_file(
    request: Request,
    file: Annotated[UploadFile, File()],
    purpose: Annotated[str, Form(max_length=64)],
    anchor: Annotated[Literal["created_at"] | None, Form(alias="expires_after[anchor]")] = None,
    seconds: Annotated[int | None, Form(alias="expires_after[seconds]", ge=3600, le=2_592_000)] = None,
) -> dict[str, Any]:
    """Keeps a file with examples."""
    state = state_of(request)
    if purpose != TO_TRAIN:
        what = f"Only files to learn from are kept here: the purpose '{shown(purpose)}' is not offered"
        raise Refused(400, what, code="invalid_value", about="purpose")
    if (anchor is None) != (seconds is None):
        raise Refused(400, "`expires_after` needs both `anchor` and `seconds`", code="invalid_value",
                      about="expires_after")  # fmt: skip
    name = _data_name(file.filename or "")
    if not name.lower().endswith(".jsonl"):
        what = f"Invalid file format: '{shown(name)}' is not called .jsonl (expected one JSON object a line, such as "
        what += '{"messages": [...]}, or {"input": "...", "target": "..."} with the task of sintonia)'
        raise Refused(400, what, code="invalid_file_format", about="file")
    size = file.file.seek(0, os.SEEK_END)
    if size == 0:
        raise Refused(400, "The file is empty", code="empty_file", about="file")
    if size > state.around.limits.upload_bytes:
        raise Refused(413, f"The file is larger than {state.around.limits.upload_bytes} bytes",
                      code="request_too_large", about="file")  # fmt: skip
    file.file.seek(0)
    kept = state.store.files.add(file.file, name, purpose, expires_after=seconds)
    tell_log("file_imported", file=kept.id, bytes=kept.bytes, sha256=kept.sha256)
    return kept.as_object()


@router.get("")
@behind_token
def list_files(
    request: Request,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Literal["asc", "desc"] = "desc",
    purpose: Annotated[str | None, Query(max_length=64)] = None,
) -> dict[str, Any]:
    """The files, the newest first unless asked otherwise."""
    files = state_of(request).store.files
    before = files.find(after) if after is not None else None
    if after is not None and before is None:
        raise unknown_after(after)
    found = files.page(
        after=before.number if before else None, most=limit + 1, is_newest_first=order == "desc", purpose=purpose
    )
    return page_of([one.as_object() for one in found], limit)


@router.get("/{file_id}")
@behind_token
def retrieve_file(request: Request, file_id: str) -> dict[str, Any]:
    """One file."""
    return _found(request, file_id).as_object()


@router.get("/{file_id}/content")
@behind_token
def read_file(request: Request, file_id: str) -> FileResponse:
    """The bytes of a file, as they were uploaded or written."""
    found = _found(request, file_id)
    path = state_of(request).store.files.path(found.id)
    return FileResponse(path, media_type="application/octet-stream", headers={"content-disposition": "attachment"})


@router.delete("/{file_id}")
@behind_token
def delete_file(request: Request, file_id: str) -> dict[str, Any]:
    """Removes a file. A job that was created with it keeps what it needs until it has ended; one that
    has succeeded keeps its run folder."""
    found = _found(request, file_id)
    state_of(request).store.files.remove(found.id)
    tell_log("file_deleted", file=found.id)
    return {"id": found.id, "object": "file", "deleted": True}


def _found(request: Request, file_id: str) -> StoredFile:
    found = state_of(request).store.files.find(file_id)
    if found is None:
        raise not_found("File object", file_id)
    return found


def _data_name(sent: str) -> str:
    """What a client calls a file: the last part of it, printable and short. It is shown and never used."""
    name = PurePosixPath(sent.replace("\\", "/")).name
    return "".join(one if one.isprintable() else "?" for one in name)[-_MOST_LETTERS:]
