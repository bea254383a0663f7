"""Tags of languages: what tokenizers of translation models (NLLB, mBART, M2M100) mark a text by."""

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from workflow_scripts.config.languages import Language
from workflow_scripts.jobs.errors import StudyError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)


def tags_of(tokenizer: "PreTrainedTokenizerBase", languages: Mapping[str, Language], model: str) -> dict[str, str]:
    """Return what a tokenizer calls each language: its `src_lang`, by the language's code; none where it marks no
    texts.

    Args:
        tokenizer: Of the model.
        languages: Of the study, by code.
        model: Its name in the config.

    Raises:
        StudyError: the tokenizer marks texts, and has no tag for a language.
    """
    if not hasattr(tokenizer, "set_src_lang_special_tokens"):
        return {}
    known = {token.strip("_") for token in [*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()]}
    tags = {code: _tag(code, language, known) for code, language in languages.items()}
    if unknown := [code for code, tag in tags.items() if tag is None]:
        raise StudyError(
            f"models.{model}: its tokenizer marks each text by its language and has no tag for {', '.join(unknown)}; "
            "leave "
            "these languages out of the study, or take another model."
        )
    if tags:
        log.info("texts are marked by language: %s", ", ".join(f"{code} {tag}" for code, tag in tags.items()))
    return {code: tag for code, tag in tags.items() if tag is not None}


def _tag(code: str, language: Language, known: set[str]) -> str | None:
    """NLLB's tags are FLORES codes, M2M100's those of two letters, Seamless's those of three, mBART's like es_XX."""
    countries = sorted(tag for tag in known if re.fullmatch(rf"{re.escape(code)}_[A-Z]{{2}}", tag))
    candidates = [language.flores, code, language.iso639_3, language.flores.partition("_")[0], *countries]
    return next((tag for tag in candidates if tag in known), None)
