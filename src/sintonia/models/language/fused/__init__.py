"""Llama-like decoders computed by code of our own over the parameters of transformers. It opens and saves nothing."""
