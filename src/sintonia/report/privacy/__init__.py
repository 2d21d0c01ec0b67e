"""What page and card say about the privacy of the people in the data, a file a panel. Nothing is computed here."""
