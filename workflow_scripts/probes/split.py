"""Which sentences probes are trained on and which they are tested on: the same in every language.

The languages are parallel. A probe tested on the translation of a sentence that it was trained on would be rewarded for
recognising what it has learnt by heart.
"""

from collections.abc import Iterable
from hashlib import sha256

from workflow_scripts.config.sections import tested_sentences
from workflow_scripts.jobs.errors import StudyError


def in_drawn_order(ids: Iterable[str], seed: int | str) -> list[str]:
    """Return the distinct ids in an order that depends on them and the seed alone, by their hashes."""
    return sorted(set(ids), key=lambda identifier: sha256(f"{seed} {identifier}".encode()).digest())


def held_out(ids: Iterable[str], share: float, seed: int) -> set[str]:
    """Return the ids of the test sentences: that share of them, drawn by their hashes, at least one and not all.

    Raises:
        StudyError: there are fewer than two.
    """
    drawn = in_drawn_order(ids, seed)
    if len(drawn) < 2:
        raise StudyError("a probe needs at least two sentences, one to train on and one to test on.")
    return set(drawn[: tested_sentences(len(drawn), share)])
