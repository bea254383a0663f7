"""Train a small BLOOM from scratch on a data set of the study, with a byte-level BPE tokenizer of its own.

Every sentence is a sequence of its own, from beginning-of-sentence to end-of-sentence token, so that the model can be
asked for a sentence by its beginning-of-sentence token alone, and embeds sentences as it has seen them.
"""

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from pydantic import Field
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BloomConfig, BloomForCausalLM, PreTrainedTokenizerFast, get_cosine_schedule_with_warmup
from transformers.trainer_utils import set_seed

from workflow_scripts.config.models import TrainingSource
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import written
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.jobs.usage import measured
from workflow_scripts.models.batching import Batch, batches
from workflow_scripts.texts.schema import read_part

BOS, EOS, PAD = "<s>", "</s>", "<pad>"
IGNORED = -100  # label of padding, which the loss leaves out
# How sums are rounded depends on the number of threads, so it is the same however few cores there are. So small a model
# gains nothing from more.
THREADS = 2


class Spec(stage.Spec):
    """What the trained model depends on."""

    train: TrainingSource
    part: str = Field(description="Part of the data set to train on.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"texts": "sentences (parquet)"},
        outputs={
            "weights": "the model's safetensors; config and tokenizer are written beside them",
            "checkpoints": "folder of models after the configured steps, step50 and so on",
            "usage": "device, time and tokens of the run (JSON)",
        },
        command=command,
    )
    texts = read_texts(files.texts, spec)
    set_seed(spec.train.seed)
    torch.set_num_threads(THREADS)
    tokenizer = train_tokenizer(texts, spec.train.vocabulary)
    with measured(files.usage):

        def save(model: BloomForCausalLM, directory: Path) -> None:
            with written(directory):
                tokenizer.save_pretrained(directory)
                model.save_pretrained(directory)

        files.checkpoints.mkdir(parents=True, exist_ok=True)
        model = train(texts, tokenizer, spec.train, lambda model, step: save(model, files.checkpoints / f"step{step}"))
        save(model, files.weights.parent)


def read_texts(path: Path, spec: Spec) -> list[str]:
    """Return the training sentences of all languages, each language in its configured proportion."""
    chosen = []
    for language in spec.train.languages:
        _, texts = read_part(path, language, spec.part)
        wanted = round(len(texts) * spec.train.proportions.get(language, 1.0))
        if wanted == 0:
            raise StudyError(f"train.proportions.{language} leaves no sentence of {len(texts)}; raise it.")
        chosen += [texts[index % len(texts)] for index in range(wanted)]
    return chosen


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


def train(
    texts: list[str],
    tokenizer: PreTrainedTokenizerFast,
    source: TrainingSource,
    keep: Callable[[BloomForCausalLM, int], None],
) -> BloomForCausalLM:
    """Train with AdamW and a cosine schedule; the log shows loss and tokens per second.

    `keep` is called with the model and the number of steps it was trained for, at each of `source.checkpoints`.
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
    ).train()
    decayed = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": source.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=source.learning_rate,
        betas=(0.9, 0.95),
    )
    schedule = get_cosine_schedule_with_warmup(optimizer, math.ceil(source.warmup * source.steps), source.steps)
    stream = training_batches(texts, tokenizer, source)
    with Progress("training", total=source.steps, unit="step") as progress:
        for step in range(source.steps):
            if step in source.checkpoints:
                keep(model, step)
            batch = next(stream)
            labels = batch.token_ids.masked_fill(~batch.mask, IGNORED)
            with torch.autocast("cpu", dtype=torch.bfloat16):  # twice as fast; the weights stay in float32
                loss = model(input_ids=batch.token_ids, attention_mask=batch.mask.long(), labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
            progress.show(loss=f"{loss.item():.3f}")
            progress.advance(1, tokens=batch.tokens, sequences=len(batch.rows))
    return model.eval()


def training_batches(texts: list[str], tokenizer: PreTrainedTokenizerFast, source: TrainingSource) -> Iterator[Batch]:
    """Return the batches without end, of like lengths within, in random order, every sentence once an epoch."""
    encoded = [[*token_ids, tokenizer.eos_token_id] for token_ids in tokenizer(texts)["input_ids"]]
    generator = random.Random(source.seed)
    epoch = list(batches(encoded, source.tokens_per_batch, tokenizer.pad_token_id))
    while True:
        generator.shuffle(epoch)
        yield from epoch


if __name__ == "__main__":
    stage.run(main)
