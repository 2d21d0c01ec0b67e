"""The routes of the interface, one file a kind of object. Each says whom it is for; they compute nothing themselves."""

from fastapi import APIRouter

from sintonia.serve.routes import chat, classifications, embeddings, files, jobs, models

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (
    files.router,
    jobs.router,
    models.router,
    chat.router,
    embeddings.router,
    classifications.router,
)
