"""What the neuron sites of a model put out in a pass, each by token, and that every site ran once.

with SiteOutputs(model, sites, take) as outputs:
    outputs.forward(batch)  # calls take(site, activations, batch) for each site
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import torch

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import Batch
from workflow_scripts.models.experts import Routed, add_hook, computing_openly, module_at
from workflow_scripts.models.sites import NeuronSite

if TYPE_CHECKING:
    from workflow_scripts.models.loading import LanguageModel

Activations = torch.Tensor | Routed  # [sentences, tokens, units], or what experts put out for their tokens
Take = Callable[[NeuronSite, Activations, Batch], None]


class SiteOutputs:
    """Forward hooks on the neuron sites of a model, as a context manager; leaving it removes them."""

    def __init__(self, model: "LanguageModel", sites: Sequence[NeuronSite], take: Take):
        """Prepare hooks.

        Args:
            model: Whose modules the sites are.
            sites: Where to listen.
            take: Called with a site, its activations and the batch on their device.
        """
        self._model, self._sites, self._take = model, sites, take
        self._batches: dict[torch.device, Batch] = {}
        self._ran: set[str] = set()
        self._stack = ExitStack()

    def __enter__(self) -> "SiteOutputs":
        modules = dict(self._model.backbone.named_modules())
        if any(site.experts for site in self._sites):
            self._stack.enter_context(computing_openly(self._model.backbone))
        for site in self._sites:
            module = module_at(modules, site.module)
            self._stack.callback(add_hook(module, site.module, self._hook(site)).remove)
        return self

    def __exit__(self, *_) -> None:
        self._stack.close()

    def forward(self, batch: Batch) -> torch.Tensor:
        """Run a batch through the model: the last hidden states [sentences, tokens, d].

        Raises:
            StudyError: as `forward_layers`.
        """
        return self.forward_layers(batch, [None])[0]

    def forward_layers(self, batch: Batch, layers: Sequence[int | None], gradients: bool = False) -> list[torch.Tensor]:
        """Run a batch through the model: the states of some layers, each [sentences, tokens, d].

        Args:
            batch: What goes through the model.
            layers: As `LanguageModel.forward_layers` takes them.
            gradients: Whether derivatives are to be taken by what is added to the activations.

        Raises:
            StudyError: a site does not run, runs more than once like the layer that ALBERT repeats, or does not put out
                numbers by token.
        """
        self._batches, self._ran = {batch.token_ids.device: batch}, set()
        try:
            states = self._model.forward_layers(batch, layers, gradients)
        finally:
            self._batches = {}
        if silent := [site.module for site in self._sites if site.module not in self._ran]:
            raise StudyError(
                f"{len(silent)} of the modules whose units are the neurons of {self._model.manifest.name} do not run "
                f"when it reads text ({', '.join(silent[:3])}): they have no response; give neurons.sites as a list of "
                "patterns that leaves them out."
            )
        return states

    def _hook(self, site: NeuronSite):
        def take(module, inputs, output):
            name = self._model.manifest.name
            if site.module in self._ran:
                raise StudyError(repeated(site.module, name))
            self._ran.add(site.module)
            first = next(iter(self._batches.values()))
            if isinstance(output, Routed):
                activations = output if output.count == first.token_ids.numel() else None
            else:
                activations = by_token(output, *first.token_ids.shape)
            if activations is None:
                raise StudyError(not_by_token(site.module, name))
            self._take(site, activations, self._on(output.device))

        return take

    def _on(self, device: torch.device) -> Batch:
        """The batch on a device; the layers of a spread model lie on several."""
        if device not in self._batches:
            self._batches[device] = next(iter(self._batches.values())).to(device)
        return self._batches[device]


def states_of(output: Any) -> torch.Tensor | None:
    """Return what a module puts out; of a module that gives more beside its states, the states; None where there are
    none.
    """
    if hasattr(output, "last_hidden_state"):
        output = output.last_hidden_state
    elif isinstance(output, tuple | list) and len(output):
        output = output[0]
    return output if isinstance(output, torch.Tensor) else None


def by_token(output: Any, sentences: int, tokens: int | None) -> torch.Tensor | None:
    """Return a module's output as a view [sentences, tokens, units]; None where it is something else.

    OPT lays out the tokens of all sentences in one dimension; Longformer pads sentences at their end, which is left
    away. Modules that put out more than a tensor (routers, say) have no units.

    Args:
        output: What the module put out.
        sentences: Rows of the batch that the model was given.
        tokens: Columns of the batch; None where they are not known.
    """
    if not isinstance(output, torch.Tensor) or not by_shape(output.shape, sentences, tokens):
        return None
    return output.unflatten(0, (sentences, -1)) if output.dim() == 2 else output[:, :tokens]


def by_shape(shape: Sequence[int], sentences: int, tokens: int | None) -> bool:
    """Return whether an output of a shape holds a number for each sentence, token and unit, as `by_token` reads it."""
    if len(shape) == 2:
        return shape[0] == sentences * (tokens or max(1, shape[0] // sentences))
    return len(shape) == 3 and shape[0] == sentences and shape[1] >= (tokens or 1)


def repeated(module: str, model: str) -> str:
    """Return what is said of a module that runs more than once in a pass."""
    return (
        f"{module} runs more than once in a pass through {model}, whose layers share it: its units have no single "
        "response; take a model that repeats no layer."
    )


def not_by_token(module: str, model: str) -> str:
    """Return what is said of a module that does not put out numbers by sentence, token and unit."""
    return (
        f"{module} of {model} does not put out a number for each sentence, token and unit, so its units have no "
        "response by token; give neurons.sites as a list of patterns that leaves it out."
    )
