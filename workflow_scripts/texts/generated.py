"""Texts generated from Unicode CLDR, as counterparts of the data sets of the study."""

from collections.abc import Mapping

import pandas as pd

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import Language
from workflow_scripts.texts import cldr


def read_generated(dataset: DatasetConfig, languages: list[str], table: Mapping[str, Language]) -> pd.DataFrame:
    """Return the texts of a generated data set: `id, lang, part, text` and `topic`, the kind of CLDR sentence."""
    locales = {code: table[code].cldr or code for code in languages}
    common = {"split": dataset.split, "languages": locales, "seed": dataset.seed}
    composed = {**common, "clauses": dataset.clauses}
    if dataset.task == "parallel":
        return cldr.parallel(count=dataset.sentences, **composed)
    if dataset.task == "topics":
        return cldr.topics(count=dataset.sentences, **composed)
    if dataset.task == "treebank":
        return cldr.treebank(count=dataset.sentences, **composed)
    if dataset.task == "paraphrase":
        return cldr.paraphrases(count=dataset.sentences, **composed)
    if dataset.task == "translation":
        return cldr.translation_pairs(count=dataset.sentences, **common)
    if dataset.task == "mining":
        return cldr.mining(
            queries=dataset.sentences, candidates=dataset.sentences + (dataset.distractors or 0), **composed
        )
    return cldr.paragraphs(count=dataset.sentences, **composed)
