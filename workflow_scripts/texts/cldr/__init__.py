"""A parallel corpus in 23 languages, generated from Unicode CLDR through Babel: no download, no third-party text.

CLDR names territories, languages, currencies, units, months and days in every language, and says how dates, numbers and
lists are written. A small grammar composes meanings from those (grammar.py); each is then said in every language. The
result is no prose, but it is real vocabulary and real spelling in each language, and truly parallel.
"""

from workflow_scripts.texts.cldr.corpus import (
    mining,
    paragraphs,
    parallel,
    paraphrases,
    topics,
    translation_pairs,
    treebank,
)

__all__ = ["mining", "paragraphs", "parallel", "paraphrases", "topics", "translation_pairs", "treebank"]
