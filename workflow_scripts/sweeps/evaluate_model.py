"""Report what a trained model has learned: held-out perplexity beside a unigram model's, and which languages it writes.

One row per language. Perplexity is per token of the model's own tokenizer, over the first held-out sentences; the
unigram model has the token frequencies of that language in the training sentences, add-one smoothed. The shares are of
texts sampled from the beginning-of-sentence token alone, as langid classifies them among the trained languages.
"""

import math
from collections import Counter

import numpy as np
import pandas as pd
import torch
from pydantic import Field

from workflow_scripts.config.fields import Languages
from workflow_scripts.config.settings import ModelName
from workflow_scripts.interventions.conditions import Condition
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import written_whole
from workflow_scripts.models.batching import batches, encode
from workflow_scripts.models.loading import LanguageModel, load_model
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.sweeps.generation import Sampling, generate
from workflow_scripts.sweeps.identification import Langid
from workflow_scripts.sweeps.perplexity import token_losses
from workflow_scripts.texts.schema import read_part

SAMPLES = 1840
SAMPLING = Sampling(max_tokens=20, temperature=1.0, top_p=0.9, top_k=50)  # as in the paper, appendix B
HELD_OUT = 100  # sentences per language
TOKENS_PER_BATCH = 8192


class Spec(stage.Spec):
    """What the evaluation depends on."""

    model: ModelName
    languages: Languages
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
        outputs={"evaluation": "one row per language (CSV)"},
        command=command,
    )
    model = load_model(read_manifest(files.model), "cpu")
    draws = [(0, 0, number) for number in range(SAMPLES)]
    sampled = generate(model, [Condition(name="base", model=spec.model)], draws, SAMPLING, TOKENS_PER_BATCH, "sampling")
    written = Counter(identify([sentence.text for sentence in sampled], spec.languages))
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
    """Return exp of the mean negative log likelihood of every token but the first, given the tokens before it."""
    total, count = 0.0, 0
    for batch in batches(token_ids, TOKENS_PER_BATCH, model.pad_id):
        losses = torch.cat(token_losses(model, batch, torch.ones_like(batch.lengths)))
        total, count = total + losses.sum(dtype=torch.float64).item(), count + len(losses)
    return math.exp(total / count)


def unigram_perplexity(token_ids: list[list[int]], training: list[list[int]], vocabulary: int) -> float:
    """Return the perplexity under the token frequencies of the training sentences, add-one smoothed."""
    counts = np.ones(vocabulary)
    np.add.at(counts, [token for ids in training for token in ids[1:]], 1)
    log_likelihood = np.log(counts / counts.sum())
    return math.exp(-log_likelihood[[token for ids in token_ids for token in ids[1:]]].mean())


def identify(texts: list[str], languages: list[str]) -> list[str]:
    """Return the language of each text by langid, among some languages."""
    identifier = Langid()
    columns = [identifier.languages.index(language) for language in languages]
    return [languages[place] for place in identifier.probabilities(texts)[:, columns].argmax(axis=1)]


if __name__ == "__main__":
    stage.run(main)
