"""The experts of languages in a model that is in memory, and conditions on them; all that takes no workflow."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workflow_scripts.conditions.expert_table import expert_table
from workflow_scripts.conditions.units import Selection, choose
from workflow_scripts.interventions.conditions import Condition
from workflow_scripts.interventions.registry import get_method
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.models.adoption import adopt, evaluating
from workflow_scripts.neurons.activation_files import copy_language
from workflow_scripts.neurons.extraction import record
from workflow_scripts.neurons.ranking import rank

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from workflow_scripts.config.settings import Pooling


class Experts:
    """How well every neuron of a model tells the sentences of each language, as `find_experts` returns it.

    Responses and statistics of all neurons lie in a folder for temporary files, which goes with the object.

    Attributes:
        model: Name of the model.
        languages: Those that neurons are ranked for.
        pooling: How responses were pooled over tokens.
    """

    def __init__(self, folder: Path, model: str, languages: Sequence[str], pooling: str):
        self.model, self.languages, self.pooling = model, list(languages), pooling
        self._ranked, self._activations = folder / "experts.h5", folder / "activations.h5"

    def table(self, language: str, k: int, selection: Selection = "top") -> "pd.DataFrame":
        """Return the k experts of a language, the best first.

        Args:
            language: One of `languages`.
            k: Number of experts.
            selection: Which neurons these are, as `experts.selection` of the config says.

        Returns:
            A row for each: `layer`, `module` and `unit` (its index among the module's outputs) say where it is,
            `expertise` is its AUROC (or average precision), `mean` its mean response to the language's sentences.

        Raises:
            StudyError: neurons are not ranked for the language, or k is larger than their number.
        """
        return expert_table(self._ranked, language, k, selection)

    def condition(
        self,
        language: str,
        k: int,
        *,
        method: str = "force",
        settings: Mapping[str, Any] | None = None,
        strength: float = 1.0,
        selection: Selection = "top",
        forced_value: Literal["mean", "median", "token_mean"] = "mean",
        positions: Literal["all", "last"] = "all",
        seed: int | None = None,
        draw: Literal["uniform", "same_layers"] = "uniform",
        values: Literal["experts", "own"] = "experts",
        name: str | None = None,
    ) -> Condition:
        """Return the condition that changes the k experts of a language, or as many random units.

        Args:
            language: One of `languages`.
            k: Number of units.
            method: How they are changed, a name of docs/adding.md; one that acts on units, and on all at once.
            settings: The method's own settings; what is not given is at its default.
            strength: Share of the method's change that is made.
            selection: Which neurons are experts.
            forced_value: What `force` sets them to: of the responses to the language's sentences the mean or the
                median, or the mean over all tokens, for which `find_experts` must pool by `mean`.
            positions: Of the tokens at which units are changed.
            seed: Of the random control; None for the experts themselves.
            draw: Where random units are drawn from.
            values: Whose parameters random units are given.
            name: Of the condition; by default made of the language, the pooling, k and the seed.

        Raises:
            StudyError: neurons are not ranked for the language, k is larger than their number, or the method is
                unknown or needs the workflow.
        """
        chosen = get_method(method)
        if chosen.on_layer or chosen.fitted_by_layer:
            what = "changes a layer and no experts" if chosen.on_layer else "is fitted by running the model"
            raise StudyError(
                f"{method} {what}; make its condition by the workflow (docs/adding.md), then read its JSON."
            )
        if forced_value == "token_mean" and self.pooling != "mean":
            raise StudyError('forced_value token_mean takes responses pooled by mean: find_experts(…, pooling="mean").')
        units = "expert" if seed is None else "random"
        of_seed = "" if seed is None else f"-s{seed}"
        return choose(
            self._ranked,
            name=name or f"{language}-{units}-{self.pooling}-k{k}{of_seed}",
            model=self.model,
            target=language,
            pooling=self.pooling,
            k=k,
            units=units,
            seed=seed,
            selection=selection,
            method=method,
            settings=settings,
            forced_value=forced_value,
            positions=positions,
            strength=strength,
            languages=self.languages,
            draw=draw,
            values=values,
            activations=self._activations if chosen.needs_responses else None,
        )


def find_experts(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    texts: Mapping[str, Sequence[str]],
    *,
    pooling: "Pooling" = "max",
    expertise: Literal["auroc", "average_precision"] = "auroc",
    sites: Literal["mlp", "linear"] | Sequence[str] = "mlp",
    max_tokens: int = 128,
    storage: Literal["float16", "float32"] = "float16",
    tokens_per_batch: int = 8192,
    threads: int | None = None,
) -> Experts:
    """Rank all neurons of a model by how well they tell the sentences of each language from the others.

    The neurons, their responses and their ranking are those of the workflow (paper, sections 3.1 and 3.2).

    Args:
        model: Any model of transformers; it stays on its device, in its data type.
        tokenizer: Its tokenizer.
        texts: Sentences of each language, two languages at least.
        pooling: How a neuron's response to a sentence is pooled over tokens.
        expertise: How well responses separate: AUROC or average precision.
        sites: Which linear layers' output units are neurons: those inside MLPs, all, or patterns of module names.
        max_tokens: Tokens after which a sentence is cut off.
        storage: Data type that responses are kept in, on disk.
        tokens_per_batch: Tokens with padding in one forward pass, at most.
        threads: Threads that rank; as many as there are cores where None.

    Raises:
        StudyError: there are fewer than two languages or one without sentences, no neurons are found, or responses
            are NaN or too large for `storage`.
    """
    if len(texts) < 2 or not all(texts.values()):
        raise StudyError(
            "experts are found by setting each language against the others: give sentences of two or more."
        )
    adopted = adopt(model, tokenizer, sites)
    folder = Path(tempfile.mkdtemp(prefix="experts-"))
    experts = Experts(folder, adopted.manifest.name, list(texts), pooling)
    weakref.finalize(experts, shutil.rmtree, folder, ignore_errors=True)
    activations, cell = folder / "activations.h5", folder / "language.h5"
    with evaluating(model), created(activations) as file:
        for language, of_language in texts.items():
            with created(cell) as out:
                settings = [pooling], max_tokens, storage, tokens_per_batch
                record(out, adopted, list(of_language), *settings, f"responses to {language}")
            copy_language(cell, file, language)
            cell.unlink()
    rank(
        activations,
        folder / "experts.h5",
        adopted.manifest.sites,
        list(texts),
        pooling,
        expertise,
        token_mean=pooling == "mean" and not any(site.experts for site in adopted.manifest.sites),
        threads=threads or os.cpu_count() or 1,
    )
    return experts
