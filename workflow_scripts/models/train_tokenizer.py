"""Train a byte-level BPE tokenizer on equally many sentences of each language, for models trained on the same text.

It does not depend on the proportions of languages in a model's training, so models that differ in these alone share it.
"""

from pathlib import Path

from pydantic import Field
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from workflow_scripts.config.fields import Languages
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import written
from workflow_scripts.texts.schema import read_part

BOS, EOS, PAD = "<s>", "</s>", "<pad>"


class Spec(stage.Spec):
    """What the tokenizer depends on."""

    languages: Languages
    vocabulary: int = Field(description="Size of the vocabulary.")
    part: str = Field(description="Part of the data set to train on.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"texts": "sentences (parquet)"},
        outputs={"tokenizer": "tokenizer.json; its settings are written beside it"},
        command=command,
    )
    tokenizer = train_tokenizer(balanced(files.texts, spec), spec.vocabulary)
    with written(files.tokenizer.parent):
        tokenizer.save_pretrained(files.tokenizer.parent)


def balanced(path: Path, spec: Spec) -> list[str]:
    """Return sentences of all languages, of each as many as the one with the fewest has."""
    by_language = [read_part(path, language, spec.part)[1] for language in spec.languages]
    fewest = min(map(len, by_language))
    return [text for texts in by_language for text in texts[:fewest]]


def train_tokenizer(texts: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer that puts the beginning-of-sentence token before every text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=PAD)


if __name__ == "__main__":
    stage.run(main)
