"""Train a small BLOOM from scratch on a data set of the study, on all of its sentences or on a mixture of languages.

Every sentence is a sequence of its own, from beginning-of-sentence to end-of-sentence token, so that the model can be
asked for a sentence by its beginning-of-sentence token alone, and embeds sentences as it has seen them.
"""

import math
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from transformers import BloomConfig, BloomForCausalLM, PreTrainedTokenizerFast, get_cosine_schedule_with_warmup
from transformers.trainer_utils import set_seed

from workflow_scripts.config.models import TrainingSource
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import written
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.jobs.usage import measured
from workflow_scripts.models.batching import Batch, batches
from workflow_scripts.models.devices import take_device
from workflow_scripts.texts.schema import read_part

IGNORED = -100  # label of padding, which the loss leaves out
STEPS_AT_ONCE = 50  # whose sentences are sorted by length together


class Spec(stage.Spec):
    """What the trained model depends on."""

    train: TrainingSource
    part: str = Field(description="Part of the data set to train on.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={"texts": "sentences (parquet)", "tokenizer": "tokenizer.json"},
        outputs={
            "weights": "the model's safetensors; config and tokenizer are written beside them",
            "checkpoints": "folder of models after the configured steps, step50 and so on",
        },
        command=command,
    )
    set_seed(spec.train.seed)
    torch.set_num_threads(spec.train.threads)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(files.tokenizer.parent))
    sentences = read_sentences(files.texts, spec, tokenizer)
    with measured(files.usage), take_device(files.device) as device:

        def save(model: BloomForCausalLM, directory: Path) -> None:
            with written(directory):
                tokenizer.save_pretrained(directory)
                model.save_pretrained(directory)

        def keep(model: BloomForCausalLM, step: int) -> None:
            save(model, files.checkpoints / f"step{step}")

        files.checkpoints.mkdir(parents=True, exist_ok=True)
        save(train(sentences, tokenizer, spec.train, keep, torch.device(device)), files.weights.parent)


def read_sentences(path: Path, spec: Spec, tokenizer: PreTrainedTokenizerFast) -> dict[str, list[list[int]]]:
    """Return the tokens of each training sentence, its end included, by language; only of languages with a share."""
    shares = spec.train.shares
    return {
        language: [
            [*ids, tokenizer.eos_token_id] for ids in tokenizer(read_part(path, language, spec.part)[1])["input_ids"]
        ]
        for language in spec.train.languages
        if not shares or shares[language] > 0
    }


def train(
    sentences: dict[str, list[list[int]]],
    tokenizer: PreTrainedTokenizerFast,
    source: TrainingSource,
    keep: Callable[[BloomForCausalLM, int], None],
    device: torch.device,
) -> BloomForCausalLM:
    """Train with AdamW and a cosine schedule; the log shows loss and tokens per second.

    `sentences` are the tokens of each sentence by language. `keep` is called with the model and the number of steps it
    was trained for, at each of `source.checkpoints`.
    """
    model = BloomForCausalLM(
        BloomConfig(
            vocab_size=len(tokenizer),
            hidden_size=source.width,
            n_layer=source.layers,
            n_head=source.heads,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model = model.to(device).train()
    decayed = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": source.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=source.learning_rate,
        betas=(0.9, 0.95),
    )
    schedule = get_cosine_schedule_with_warmup(optimizer, math.ceil(source.warmup * source.steps), source.steps)
    batches_of = mixed_batches if source.shares else epochs
    stream = batches_of(sentences, source, tokenizer.pad_token_id)
    with Progress("training", total=source.steps, unit="step") as progress:
        for step in range(source.steps):
            if step in source.checkpoints:
                keep(model, step)
            batch = next(stream).to(device)
            labels = batch.token_ids.masked_fill(~batch.mask, IGNORED)
            with torch.autocast(device.type, dtype=torch.bfloat16):  # twice as fast; the weights stay in float32
                loss = model(input_ids=batch.token_ids, attention_mask=batch.mask.long(), labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
            progress.show(loss=f"{loss.item():.3f}")
            progress.advance(1, tokens=batch.tokens, sequences=len(batch.rows))
    return model.eval()


def epochs(sentences: dict[str, list[list[int]]], source: TrainingSource, pad_id: int) -> Iterator[Batch]:
    """Yield batches without end, of like lengths within, in random order, every sentence once per epoch."""
    generator = random.Random(source.seed)
    every = [token_ids for of_language in sentences.values() for token_ids in of_language]
    epoch = list(batches(every, source.tokens_per_batch, pad_id))
    while True:
        generator.shuffle(epoch)
        yield from epoch


def mixed_batches(sentences: dict[str, list[list[int]]], source: TrainingSource, pad_id: int) -> Iterator[Batch]:
    """Yield one batch per step; over the steps, each language has its share of the tokens.

    Every batch has `tokens_per_batch` tokens without padding, to within a sentence, so all mixtures of languages train
    on equally many. The sentences of a batch are of like lengths. Those of a language come in the same random order in
    every mixture. Sentences longer than a batch are cut off.
    """
    generator = random.Random(source.seed)
    budget = source.tokens_per_batch
    shares = {language: share for language, share in source.shares.items() if share > 0}
    streams = {language: _shuffled(sentences[language], f"{source.seed} {language}") for language in shares}
    drawn = dict.fromkeys(shares, 0)
    for start in range(0, source.steps, STEPS_AT_ONCE):
        steps = min(STEPS_AT_ONCE, source.steps - start)
        chosen: list[list[int]] = []
        already = sum(drawn.values())
        while (total := sum(drawn.values())) < already + steps * budget:
            behind = max(shares, key=lambda language: shares[language] * total - drawn[language])
            chosen.append(next(streams[behind])[:budget])
            drawn[behind] += len(chosen[-1])
        generator.shuffle(chosen)
        chosen.sort(key=len)
        before = np.cumsum([0, *map(len, chosen)])[:-1]
        # A sentence has at most as many tokens as a batch has on average, so that no batch is without a sentence.
        places = before * steps // (total - already)
        of_steps = [[chosen[row] for row in np.flatnonzero(places == place)] for place in range(steps)]
        generator.shuffle(of_steps)
        for of_step in of_steps:
            yield from batches(of_step, sys.maxsize, pad_id)


def _shuffled(sentences: list[list[int]], seed: str) -> Iterator[list[int]]:
    """Yield the sentences without end, each once per epoch, in random order."""
    generator = random.Random(seed)
    order = list(sentences)
    while True:
        generator.shuffle(order)
        yield from order


if __name__ == "__main__":
    stage.run(main)
