"""More data for a finished run: would they help, which texts to label, rows that join. Nothing here opens a test."""
