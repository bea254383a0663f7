"""A condition as weights: a steered model as an ordinary checkpoint, which any program runs unchanged.

A method that maps every changed unit by a line, y ↦ scale · y + offset, is a change of the linear layer that the unit
is an output of: its row of weights is scaled, its bias scaled and shifted. What a method adds to a layer's states is
added to the bias of what is computed last in that layer.
"""

import copy
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.interventions.hooks import module_of, steer
from workflow_scripts.interventions.registry import get_method
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import written, written_whole

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from workflow_scripts.models.loading import LanguageModel

# Keys of configs by which an architecture gives biases to the linear layers of its MLPs: Llama, Granite, SmolLM3 and
# others; Falcon; Starcoder 2; OPT.
BIAS_KEYS = ("mlp_bias", "bias", "use_bias", "enable_bias")
PROBED_TOKENS = 16  # of each of two rows that the steered and the exported model are compared on
# Of the largest hidden state: by how much the exported model may differ, which adds in another order.
TOLERANCES = {"float32": 1e-4, "float64": 1e-5}
COARSE_TOLERANCE = 0.05  # of data types of 16 bits


class _Line(NamedTuple):
    """What is done to the outputs of a module: each is scaled, then shifted; float64 [width]."""

    scale: "torch.Tensor"
    offset: "torch.Tensor"


def export_model(
    model: "PreTrainedModel",
    condition: Condition,
    directory: Path | str,
    tokenizer: "PreTrainedTokenizerBase | None" = None,
) -> None:
    """Write a model under a condition as a checkpoint of transformers, whose weights do what the condition does.

    The model itself is as before afterwards. Beside config and weights the directory holds the tokenizer, if it is
    given, and `condition.json`. Before it is there, its hidden states are compared with those of the steered model.

    Args:
        model: Any model of transformers, in a floating-point data type.
        condition: Made for this model; positions: all.
        directory: To be made.
        tokenizer: To be written beside the weights.

    Raises:
        StudyError: the directory is there already, the condition is for another model, or no weights of this
            architecture do what it does: its positions are not all, its method does not map each unit by a line, a
            layer has no bias and can be given none by the model's config, or it changes units of experts.
    """
    from workflow_scripts.models.adoption import adopt, evaluating

    directory = Path(directory)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise StudyError(f"{directory} is there already; give another directory, or delete it.")
    adopted = adopt(model, sites=None, layers=False)
    with evaluating(model):
        lines = _lines(adopted, condition)
        config = _config_with_biases(adopted, lines, condition)
        with steer(model, condition):
            steered = _probe(adopted)
        with _rewritten(adopted, lines, config):
            _require_alike(_probe(adopted), steered, adopted, condition)
            with _made_whole(directory) as beside:
                model.save_pretrained(beside)
                if tokenizer is not None:
                    tokenizer.save_pretrained(beside)
                write_condition(beside / "condition.json", condition)


def write_steering_vector(
    condition: Condition, path: Path | str, dtype: str = "float32", device: "torch.device | str" = "cpu"
) -> None:
    """Write what a condition adds to a layer as the file that lm-evaluation-harness's model `steered` reads.

        lm_eval --model steered --model_args pretrained=…,steer_path=es.pt

    Args:
        condition: By a method that adds a vector to a layer's states, such as `mean_difference`; of a causal model, on
            a layer of a number, at all positions.
        path: File to write, ending in .pt.
        dtype: Data type of the model that will be steered.
        device: Where that model will be: the harness adds the vector where it was when it was written.

    Raises:
        StudyError: the condition does anything else.
    """
    import torch

    _require_all_positions(condition)
    if len(condition.sites) != 1 or not get_method(condition.method).on_layer or not condition.sites[0].module:
        raise StudyError(
            f"condition {condition.name} does not add a vector to one layer of a number, which is all that the file "
            "can say; export_model writes a checkpoint in which other conditions are part of the weights."
        )
    (site,) = condition.sites
    line = _line(site, condition)
    if not (line.scale == 1).all():
        raise StudyError(f"{condition.method} scales the states of {site.module}, which the file cannot say.")
    told = {
        "action": "add",
        "steering_coefficient": 1.0,
        "steering_vector": line.offset.to(device, getattr(torch, dtype)),
        "bias": None,
    }
    with written_whole(Path(path)) as beside:
        torch.save({site.module: told}, beside)


def _require_all_positions(condition: Condition) -> None:
    if condition.positions != "all":
        raise StudyError(
            f"condition {condition.name} changes the {condition.positions} position alone; weights act at every "
            "position. Make it with positions: all."
        )


def _lines(model: "LanguageModel", condition: Condition) -> dict[str, _Line]:
    """What is done to which modules, by their names inside the backbone."""
    from workflow_scripts.models.experts import is_of_experts
    from workflow_scripts.models.sites import output_width

    _require_all_positions(condition)
    lines = {}
    for site in condition.sites:
        module, line = module_of(model.backbone, site), _line(site, condition)
        name = site.module
        if is_of_experts(module):
            raise StudyError(
                f"condition {condition.name} changes units of experts ({name}), which is not written into weights; "
                "steer the model by hooks."
            )
        if output_width(module) is None:
            if not (line.scale == 1).all():
                raise StudyError(
                    f"{condition.method} scales the states of {name or 'the last layer'}, which no single layer's "
                    "weights do."
                )
            name = _computed_last(model, name)
        elif module.weight.dim() != 2 or not module.weight.is_floating_point() or module.weight.is_meta:
            raise StudyError(f"the weights of {name} are quantised or not in memory; load the model without either.")
        lines[name] = line
    return lines


def _line(site: Site, condition: Condition) -> _Line:
    """What a site's parameters do to all outputs of its module.

    Raises:
        StudyError: something else than to scale and shift each by itself.
    """
    import torch

    method = get_method(condition.method)
    parameters = {name: torch.tensor(values, dtype=torch.float64) for name, values in site.parameters.items()}

    def apply(activations: torch.Tensor) -> torch.Tensor:
        return method.apply(activations, **parameters).expand_as(activations)

    units = len(site.units)
    offset = apply(torch.zeros(1, units, dtype=torch.float64))[0]
    scale = apply(torch.ones(1, units, dtype=torch.float64))[0] - offset
    # A difference of two numbers, of which rounding may have left something beside the offset.
    for exact in (0.0, 1.0):
        scale[(scale - exact).abs() <= 1e-12 * (1 + offset.abs())] = exact
    # Of every magnitude, so that a bend anywhere is met.
    drawn = torch.randn(40, units, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    drawn *= 10.0 ** (torch.arange(40, dtype=torch.float64)[:, None] % 10 - 3)
    if not torch.allclose(apply(drawn), drawn * scale + offset, rtol=1e-9, atol=1e-7):
        bounded = "; give it the setting support: all" if "low" in parameters else ""
        raise StudyError(
            f"{condition.method} does not map each unit of {site.module or 'the last layer'} by one line, scaled and "
            f"shifted, and weights do nothing else{bounded}."
        )
    whole = _Line(torch.ones(site.width, dtype=torch.float64), torch.zeros(site.width, dtype=torch.float64))
    chosen = torch.tensor(site.units, dtype=torch.long)
    whole.scale[chosen], whole.offset[chosen] = scale, offset
    return whole


def _computed_last(model: "LanguageModel", module: str) -> str:
    """Name of what has weights and is computed last inside a module: its bias is added to what the module puts out."""
    from workflow_scripts.models.sites import output_width

    outer = dict(model.backbone.named_modules())[module]
    called: list[str] = []
    inside = {
        f"{module}.{name}".strip("."): each
        for name, each in outer.named_modules()
        if next(each.children(), None) is None and next(each.parameters(), None) is not None and "pooler" not in name
    }
    handles = [each.register_forward_hook(lambda *_, name=name: called.append(name)) for name, each in inside.items()]
    try:
        _probe(model)
    finally:
        for handle in handles:
            handle.remove()
    last = inside[called[-1]]
    if output_width(last) is None and getattr(last, "bias", None) is None:
        raise StudyError(
            f"{model.manifest.name} ends {module or 'its last layer'} with {called[-1]}, a {type(last).__name__} "
            "without bias, so no weight adds to its states; steer the model by hooks, or write_steering_vector."
        )
    return called[-1]


def _config_with_biases(model: "LanguageModel", lines: Mapping[str, _Line], condition: Condition) -> "PretrainedConfig":
    """A copy of the model's config, by which the modules that are shifted have a bias, should one have none.

    Raises:
        StudyError: there is no such config.
    """
    import torch

    from workflow_scripts.models.loading import backbone_of

    modules, config = dict(model.backbone.named_modules()), model.model.config
    lacking = [name for name, line in lines.items() if line.offset.any() and modules[name].bias is None]
    if not lacking:
        return copy.deepcopy(config)  # transformers writes into the config of what it saves
    for key in BIAS_KEYS:
        if getattr(config, key, None) is not False:
            continue
        changed = copy.deepcopy(config)
        setattr(changed, key, True)
        with torch.device("meta"):
            empty = type(model.model)(changed)
        built = dict(backbone_of(empty, model.architecture).named_modules())
        if all(built[name].bias is not None for name in lacking):
            return changed
    raise StudyError(
        f"{condition.method} shifts outputs of {lacking[0]}, but the linear layers of a {type(model.model).__name__} "
        "have no bias there, nor does its config give them any; steer the model by hooks, or take a method that scales "
        "alone (damp, aura)."
    )


@contextmanager
def _rewritten(model: "LanguageModel", lines: Mapping[str, _Line], config: "PretrainedConfig") -> Iterator[None]:
    """Have the model's weights and config as the lines say inside the block."""
    import torch

    modules, before = dict(model.backbone.named_modules()), []

    def put(module: torch.nn.Module, name: str, values: torch.Tensor) -> None:
        before.append((module, name, getattr(module, name)))
        like = module.weight
        setattr(module, name, torch.nn.Parameter(values.to(like.device, like.dtype), requires_grad=False))

    own = model.model.config
    try:
        model.model.config = config
        if any(getattr(config, key, None) != getattr(own, key, None) for key in BIAS_KEYS):
            # Every layer that the config gives a bias, one of zeros where nothing is shifted.
            with torch.device("meta"):
                wanted = dict(type(model.model)(config).named_modules())
            for name, module in model.model.named_modules():
                if getattr(wanted[name], "bias", None) is not None and getattr(module, "bias", None) is None:
                    put(module, "bias", torch.zeros(wanted[name].bias.shape))
        for name, line in lines.items():
            module = modules[name]
            scale, offset = (each.to(module.weight.device) for each in line)
            if module.bias is not None:
                put(module, "bias", module.bias.detach().double() * scale + offset)
            if not (scale == 1).all():
                weight = module.weight.detach().double()
                # A linear layer's weights are [outputs, inputs], those of GPT-2's Conv1D [inputs, outputs].
                put(module, "weight", weight * (scale[:, None] if isinstance(module, torch.nn.Linear) else scale))
        yield
    finally:
        model.model.config = own
        for module, name, value in reversed(before):
            setattr(module, name, value)


def _probe(model: "LanguageModel") -> "torch.Tensor":
    """Hidden states [2, tokens, d] of two rows of tokens from all over the vocabulary."""
    import torch

    from workflow_scripts.models.batching import Batch

    tokens = min(PROBED_TOKENS, model.max_tokens or PROBED_TOKENS)
    vocabulary = model.backbone.get_input_embeddings().num_embeddings
    ids = torch.linspace(0, vocabulary - 1, 2 * tokens).long().reshape(tokens, 2).T.contiguous()
    return model.forward(Batch([0, 1], ids, torch.tensor([tokens, tokens]), padded=False, shortest=tokens)).float()


def _require_alike(
    found: "torch.Tensor", steered: "torch.Tensor", model: "LanguageModel", condition: Condition
) -> None:
    """Refuse weights that do not do what the hooks do.

    Raises:
        StudyError: hidden states differ by more than rounding.
    """
    largest = float(steered.abs().max())
    tolerance = TOLERANCES.get(model.manifest.dtype, COARSE_TOLERANCE)
    differs = float((found - steered).abs().max())
    if not differs <= tolerance * largest:
        raise StudyError(
            f"with condition {condition.name} in its weights the model's hidden states differ from those of the "
            f"steered model by {differs:.2g} at most, where the largest is {largest:.2g}: this architecture does more "
            "with what these layers put out than to add it. Steer it by hooks."
        )


@contextmanager
def _made_whole(directory: Path) -> Iterator[Path]:
    """Yield a folder beside to write to, which is renamed when the block ends well."""
    beside = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    with written(directory):
        beside.mkdir(parents=True)
        try:
            yield beside
            if directory.exists():
                directory.rmdir()
            beside.replace(directory)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
