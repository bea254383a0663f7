"""Exceptions that a stage tells the user without a traceback."""

from pathlib import Path


class StudyError(Exception):
    """Something in the config, the data or a model is wrong.

    The message is one paragraph for the user: what is wrong, where (config key, file), and the remedy.
    Stages print it without a traceback.
    """


class DamagedFile(StudyError):
    """A file that the workflow made cannot be read any more, or its checksums are not those of its content.

    A stage that meets one puts it aside, so that the same command makes it anew (`stage.run`).
    """

    def __init__(self, path: Path, why: object):
        super().__init__(f"{path} is damaged ({why}); delete it and run again.")
        self.path, self.why = Path(path), why

    def put_aside(self) -> str:
        """Rename the file and return a message that says so; the same command then makes the file anew."""
        aside = self.path.with_name(f"{self.path.name}.damaged")
        try:
            self.path.replace(aside)
        except OSError:  # another job has put it aside, or the folder cannot be written to
            if self.path.exists():
                return str(self)
        return f"{self.path} is damaged ({self.why}); it was put aside as {aside}. The same command makes it anew."


class FullDisk(StudyError):
    """There is no space to write a file."""

    def __init__(self, path: Path | None):
        super().__init__(
            f"no space is left to write {path or 'on a disk that this job writes to'} (a full disk, or a quota is used "
            "up). Make space there and run the same command again; what is finished is kept."
        )
