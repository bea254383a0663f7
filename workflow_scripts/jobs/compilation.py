"""Whether compiled code can be kept."""

import numba


def can_cache() -> bool:
    """Return whether Numba finds a folder to keep machine code in, so that only the first job compiles."""
    try:
        numba.njit(cache=True)(lambda: None)
    except RuntimeError:
        return False
    return True
