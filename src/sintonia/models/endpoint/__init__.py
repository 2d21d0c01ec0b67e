"""A model that answers over HTTP, in the way of OpenAI's `/v1/chat/completions`; no weights are loaded here."""

from sintonia.models.endpoint.address import KEY_VARIABLE, Endpoint, is_address, read_endpoint
from sintonia.models.endpoint.client import RequestRefused, complete

__all__ = ["KEY_VARIABLE", "Endpoint", "RequestRefused", "complete", "is_address", "read_endpoint"]
