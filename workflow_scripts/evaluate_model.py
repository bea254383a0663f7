"""Report what a trained model has learned: held-out perplexity beside a unigram model's, and which languages it writes.

One row a language. Perplexity is per token of the model's own tokenizer, over the first held-out sentences; the unigram
model has the token frequencies of that language in the training sentences, add-one smoothed. The shares are of texts
sampled from the beginning-of-sentence token alone, as langid classifies them among the trained languages.
"""

import math
from collections import Counter

import langid
import numpy as np
import pandas as pd
import torch
from pydantic import Field

from workflow_scripts.lib import stage
from workflow_scripts.lib.batching import batches, encode
from workflow_scripts.lib.files import written_whole
from workflow_scripts.lib.manifests import read_manifest
from workflow_scripts.lib.models import LanguageModel, load_model
from workflow_scripts.lib.texts.schema import read_part

SAMPLES, SAMPLES_PER_BATCH, SAMPLE_TOKENS = 1840, 460, 20
HELD_OUT = 100  # sentences a language
TOKENS_PER_BATCH = 8192


class Spec(stage.Spec):
    """What the evaluation depends on."""

    model: str = Field(description="Name of the model.")
    languages: list[str] = Field(description="Languages it was trained on.")
    part: str = Field(description="Part of the data sets.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "model": "manifest of the model",
            "texts": "held-out sentences (parquet)",
            "training": "training sentences (parquet)",
        },
        outputs={"evaluation": "one row a language (CSV)"},
        command=command,
    )
    model = load_model(read_manifest(files.model), "cpu")
    written = Counter(identify(sample(model, SAMPLES), spec.languages))
    rows = []
    for language in spec.languages:
        _, held_out = read_part(files.texts, language, spec.part)
        _, training = read_part(files.training, language, spec.part)
        token_ids, known = encode(model.tokenizer, held_out[:HELD_OUT], 2048), encode(model.tokenizer, training, 2048)
        rows.append(
            {
                "model": spec.model,
                "language": language,
                "tokens": sum(len(ids) - 1 for ids in token_ids),
                "perplexity": perplexity(model, token_ids),
                "unigram_perplexity": unigram_perplexity(token_ids, known, len(model.tokenizer)),
                "generated_share": written[language] / SAMPLES,
            }
        )
    with written_whole(files.evaluation) as beside:
        pd.DataFrame(rows).to_csv(beside, index=False)


def perplexity(model: LanguageModel, token_ids: list[list[int]]) -> float:
    """exp of the mean negative log likelihood of every token but the first, each given those before it."""
    total, count = 0.0, 0
    for batch in batches(token_ids, TOKENS_PER_BATCH, model.pad_id):
        labels = batch.token_ids[:, 1:].masked_fill(~batch.mask[:, 1:], -100)
        with torch.inference_mode():
            logits = model.model(input_ids=batch.token_ids, attention_mask=batch.mask.long()).logits[:, :-1]
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), reduction="sum")
        total, count = total + loss.item(), count + int((labels != -100).sum())
    return math.exp(total / count)


def unigram_perplexity(token_ids: list[list[int]], training: list[list[int]], vocabulary: int) -> float:
    """The same for the token frequencies of the training sentences, add-one smoothed."""
    counts = np.ones(vocabulary)
    np.add.at(counts, [token for ids in training for token in ids[1:]], 1)
    log_likelihood = np.log(counts / counts.sum())
    return math.exp(-log_likelihood[[token for ids in token_ids for token in ids[1:]]].mean())


def sample(model: LanguageModel, count: int) -> list[str]:
    """Texts sampled from the beginning-of-sentence token alone, with the settings of the paper's appendix B."""
    torch.manual_seed(0)
    texts = []
    for start in range(0, count, SAMPLES_PER_BATCH):
        prompt = torch.full((min(SAMPLES_PER_BATCH, count - start), 1), model.tokenizer.bos_token_id)
        tokens = model.model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=True,
            temperature=1.0,
            top_p=0.9,
            top_k=50,
            max_new_tokens=SAMPLE_TOKENS,
        )
        texts += model.tokenizer.batch_decode(tokens, skip_special_tokens=True)
    return texts


def identify(texts: list[str], languages: list[str]) -> list[str]:
    """The language of each text by langid, among these."""
    identifier = langid.langid.LanguageIdentifier.from_modelstring(langid.langid.model, norm_probs=True)
    identifier.set_languages(languages)
    return [identifier.classify(text)[0] for text in texts]


if __name__ == "__main__":
    stage.run(main)
