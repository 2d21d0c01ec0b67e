"""What a server remembers: files, jobs and their events, in one SQLite database and a folder beside it.

It trains nothing and answers nothing.
"""

from sintonia.serve.store.database import Database
from sintonia.serve.store.events import Events
from sintonia.serve.store.files import Files, StoredFile
from sintonia.serve.store.jobs import Job, Jobs
from sintonia.serve.store.names import new_name

__all__ = ["Database", "Events", "Files", "Job", "Jobs", "Store", "StoredFile", "new_name"]


class Store:
    """All that a server remembers, below one folder."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.files, self.jobs, self.events = Files(database), Jobs(database), Events(database)

    def close(self) -> None:
        """Ends the use of it."""
        self.database.close()
