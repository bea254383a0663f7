"""Whether a loaded model reads text as is assumed of every model: found out by two short passes, before it is used.

A sentence's states are the same alone and beside a longer one, in a causal model also as the beginning of the longer
one; every neuron site puts out its units once in a pass, token by token.
"""

from typing import TYPE_CHECKING

import torch

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.models.batching import Batch
from workflow_scripts.models.experts import Routed, segments
from workflow_scripts.models.site_outputs import Activations, SiteOutputs
from workflow_scripts.models.sites import NeuronSite

if TYPE_CHECKING:
    from workflow_scripts.models.loading import LanguageModel

TEXT = "The river is long, and 12 old houses stand on its banks; nobody knows who built them."
TOKENS = 17  # of the longer sentence, at most
# Between states that should be equal: the length of their difference beside their own. Rounding by the data type stays
# far below, what a model does with tokens that it should not see far above.
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.15, "float16": 0.05}


def require_sound(model: "LanguageModel") -> None:
    """Refuse a model whose results would depend on the batch, or that is not of the kind that it is taken for.

    Nothing is said of a model that gives NaN; the stages do.

    Raises:
        StudyError: the model cannot read a plain sentence, padding or what comes later changes its states, or a neuron
            site does not put out its units once for each token.
    """
    name = model.manifest.name
    # Where the tokenizer makes nothing of the sentence, which a stage that reads texts will say, any tokens serve.
    most = min(TOKENS, model.max_tokens or TOKENS)
    long = model.tokenizer(TEXT, truncation=True, max_length=most)["input_ids"] or [0] * most
    short = long[: max(1, len(long) // 2)]
    try:
        alone, sites_alone = _read(model, [short])
        together, sites_together = _read(model, [long, short])
    except StudyError:
        raise
    except torch.OutOfMemoryError:
        return  # the stages take smaller batches, and say so where one sentence is too much
    except Exception as error:  # whatever the code of an architecture raises
        raise StudyError(
            f"models.{name}: {type(model.backbone).__name__} cannot read a plain sentence: {type(error).__name__}: "
            f"{one_line(error)}; take another model."
        ) from error
    tolerance = TOLERANCE[model.manifest.dtype]
    if len(long) > len(short) and model.architecture == "causal" and _differ(alone[0], together[0], tolerance):
        raise StudyError(
            f"models.{name}: tokens of {type(model.backbone).__name__} see those that come after them, so the model "
            "is not "
            f"causal: what it gives a token is no prediction. Set models.{name}.architecture: encoder, which has no "
            "perplexity and no generation."
        )
    if _differ(alone[0], together[1], tolerance) or _differ(sites_alone[0], sites_together[1], tolerance):
        raise StudyError(
            f"models.{name}: in {type(model.backbone).__name__} the padding beside a shorter sentence changes the "
            "sentence's "
            "states, though it is masked, so results would depend on the batch; take another model."
        )


def _read(model: "LanguageModel", sentences: list[list[int]]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Means over the tokens of the shortest sentence: of last hidden states [d], of sites' outputs [neurons], each."""
    shortest = min(map(len, sentences))
    lengths = torch.tensor([len(sentence) for sentence in sentences])
    padded = torch.full((len(sentences), int(lengths.max())), model.pad_id)
    for row, sentence in enumerate(sentences):
        padded[row, : len(sentence)] = torch.tensor(sentence)
    batch = Batch(list(range(len(sentences))), padded, lengths, padded=len(sentences) > 1, shortest=shortest)
    found: list[torch.Tensor] = []

    def keep(site: NeuronSite, activations: Activations, batch: Batch) -> None:
        if isinstance(activations, Routed):
            if model.manifest.dtype != "float32":
                return  # whose rounding can decide to which expert a token goes; the states show what matters
            means = activations.reduce(batch.lengths.clamp(max=shortest), segments("mean")).float()
        else:
            means = activations[:, :shortest].float().mean(dim=1)
        found.append(means.cpu())

    with SiteOutputs(model, model.manifest.sites, keep) as outputs, torch.inference_mode():
        hidden = outputs.forward(batch)[:, :shortest].float().mean(dim=1).cpu()
        sites = torch.cat(found, dim=1) if found else torch.zeros(len(sentences), 0)
    return list(hidden), list(sites)


def _differ(expected: torch.Tensor, found: torch.Tensor, tolerance: float) -> bool:
    """Whether two vectors that are finite differ by more than rounding."""
    return bool((found - expected).norm() > tolerance * expected.norm())
