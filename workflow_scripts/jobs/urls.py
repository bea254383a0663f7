"""Files at URLs."""

import urllib.request

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import one_line

SECONDS = 60  # without an answer


def size_of(url: str) -> int:
    """Return the bytes of a file at a URL, which is not downloaded.

    Raises:
        StudyError: it is out of reach, or its server does not tell.
    """
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return int(answer.headers["Content-Length"] or 0)
    except (OSError, ValueError) as error:
        raise StudyError(
            f"{url} is out of reach ({one_line(error)}); correct the URL, or try again where there is network."
        ) from error
