"""The one exception for mistakes that the user can mend."""


class StudyError(Exception):
    """Something in the config, the data or a model is wrong.

    The message is one paragraph for the user: what is wrong, where (config key, file), and the remedy.
    Stages print it without a traceback.
    """


def one_line(error: BaseException, characters: int = 500) -> str:
    """What a library's error says, in one line that is cut off if need be, to be part of a message."""
    told = " ".join(str(error).split()) or type(error).__name__
    return told if len(told) <= characters else f"{told[:characters]}…"
