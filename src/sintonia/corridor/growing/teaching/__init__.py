"""A finished run teaches another model: it answers texts without targets, these are trained on, both are compared."""
