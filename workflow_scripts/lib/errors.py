"""The one exception for mistakes that the user can mend."""


class StudyError(Exception):
    """Something in the config, the data or a model is wrong.

    The message is one paragraph for the user: what is wrong, where (config key, file), and the remedy.
    Stages print it without a traceback.
    """
