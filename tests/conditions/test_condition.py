"""Choosing the units of a condition: experts, the random control, and what they are forced to."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest

from workflow_scripts.conditions import list_experts
from workflow_scripts.conditions import units as unit_conditions
from workflow_scripts.conditions.choose_units import Spec, main
from workflow_scripts.interventions import registry
from workflow_scripts.interventions.conditions import Condition, Site, read_condition, write_condition
from workflow_scripts.interventions.linear_act import transport_line
from workflow_scripts.interventions.method import Method
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.neurons import expert_files

SITES = [
    NeuronSite(module="h.0.mlp.up", layer=0, width=6, offset=0),
    NeuronSite(module="h.0.mlp.down", layer=0, width=4, offset=6),
    NeuronSite(module="h.1.mlp.up", layer=1, width=10, offset=10),
]
EXPERTISE = np.array([5, 19, 3, 4, 18, 6, 17, 8, 9, 10, 0, 1, 2, 7, 11, 12, 13, 14, 15, 16]) / 20


@pytest.fixture
def experts(tmp_path):
    """Statistics of two languages; neuron i has mean i, median i + 0.1, token mean i + 0.2 for Spanish."""
    path = tmp_path / "experts.h5"
    with h5py.File(path, "w") as file:
        expert_files.create(file, ["en", "es"], SITES, list(expert_files.STATISTICS))
        for name, shift in {"mean": 0.0, "median": 0.1, "token_mean": 0.2, "gap": 0.0}.items():
            file[name][1] = np.arange(20) + shift
        file["expertise"][1] = EXPERTISE
        file["expertise"][0] = 1 - EXPERTISE
    return path


def spec(**changes) -> Spec:
    common = dict(name="es-expert-max-k3", model="tiny", units="expert", target="es", pooling="max", k=3)
    settings = dict(selection="top", method="force", forced_value="mean", positions="all", strength=1.0)
    return Spec(**{**common, **settings, **changes})


def choose(spec: Spec, experts, activations=None, scores=None) -> Condition:
    return unit_conditions.choose(experts, activations=activations, scores=scores, **spec.model_dump())


def forced(condition) -> dict[int, float]:
    """Values by index among all neurons."""
    offsets = {site.module: site.offset for site in SITES}
    return {
        offsets[site.module] + unit: value
        for site in condition.sites
        for unit, value in zip(site.units, site.parameters["value"], strict=True)
    }


def test_the_most_expert_units_are_forced_to_their_own_mean(experts):
    condition = choose(spec(), experts)
    assert forced(condition) == {1: 1.0, 4: 4.0, 6: 6.0}
    assert [(site.module, site.units) for site in condition.sites] == [("h.0.mlp.up", [1, 4]), ("h.0.mlp.down", [0])]


def test_another_target_selection_and_forced_value(experts):
    assert set(forced(choose(spec(target="en"), experts))) == {10, 11, 12}
    assert set(forced(choose(spec(selection="bottom"), experts))) == {10, 11, 12}
    assert forced(choose(spec(forced_value="median"), experts)) == {1: 1.1, 4: 4.1, 6: 6.1}
    assert forced(choose(spec(forced_value="token_mean"), experts)) == {1: 1.2, 4: 4.2, 6: 6.2}


@pytest.mark.parametrize(("target", "selection"), [("es", "top"), ("en", "bottom")])
def test_experts_are_listed_with_their_place_the_best_first(experts, tmp_path, target, selection):
    wanted = {"model": "tiny", "target": target, "pooling": "max", "k": 4, "selection": selection}
    listed = ["--experts", str(experts), "--listed", str(tmp_path / "es.csv")]
    list_experts.main(["--spec", json.dumps(wanted), *listed])
    found = pd.read_csv(tmp_path / "es.csv")
    # Two languages, so the least expert for English are the most for Spanish.
    best = sorted(range(20), key=lambda neuron: -EXPERTISE[neuron])[:4]
    best = best if target == "es" else best[::-1]
    place = {neuron: next(site for site in reversed(SITES) if site.offset <= neuron) for neuron in best}
    assert found[["model", "target", "pooling"]].drop_duplicates().to_numpy().tolist() == [["tiny", target, "max"]]
    assert found[["layer", "module", "unit"]].to_numpy().tolist() == [
        [place[neuron].layer, place[neuron].module, neuron - place[neuron].offset] for neuron in best
    ]
    expertise = EXPERTISE[best] if target == "es" else 1 - EXPERTISE[best]
    np.testing.assert_allclose(found["expertise"], expertise, rtol=1e-15)
    np.testing.assert_array_equal(found["mean"], best if target == "es" else [0] * 4)


def random(seed, **changes) -> Spec:
    return spec(**{**dict(units="random", seed=seed, draw="uniform", values="experts"), **changes})


def test_the_random_control_gives_other_units_the_experts_values(experts):
    drawn = [forced(choose(random(seed), experts)) for seed in range(30)]
    assert all(not {1, 4, 6} & set(units) and len(units) == 3 for units in drawn)
    assert all(sorted(units.values()) == [1.0, 4.0, 6.0] for units in drawn)
    assert {unit for units in drawn for unit in units} == set(range(20)) - {1, 4, 6}
    assert len({tuple(units.values()) for units in drawn}) == 6  # in every order
    assert drawn[3] == forced(choose(random(3), experts))


def test_the_random_control_can_have_its_own_values_and_the_experts_layers(experts):
    own = forced(choose(random(1, values="own"), experts))
    assert all(value == unit for unit, value in own.items())
    for seed in range(10):
        units = forced(choose(random(seed, draw="same_layers"), experts))
        assert all(unit < 10 for unit in units)


def test_a_method_that_transports_is_given_the_responses_of_its_units(experts, tmp_path):
    """Against the line of each unit, from the responses as they were written."""
    path, draw = tmp_path / "activations.h5", np.random.default_rng(0)
    written = {language: draw.normal(size=(7, 20)).astype("float16") for language in ("en", "es", "de")}
    with created(path) as file:
        for language, responses in written.items():
            file.create_dataset(f"max/{language}", data=responses, chunks=(4, 8), fletcher32=True)
    condition = choose(spec(method="linear_act", languages=["en", "es", "de"]), experts, path)
    others = np.concatenate([written["en"], written["de"]])
    slope, offset = transport_line(others, written["es"])
    offsets = {site.module: site.offset for site in SITES}
    units = [offsets[site.module] + unit for site in condition.sites for unit in site.units]
    assert units == [1, 4, 6]
    for name, expected in {
        "slope": slope,
        "offset": offset,
        "low": others.min(axis=0),
        "high": others.max(axis=0),
    }.items():
        found = [value for site in condition.sites for value in site.parameters[name]]
        np.testing.assert_allclose(found, expected[units], rtol=1e-12)


def test_settings_reach_the_method_and_a_range_that_is_everywhere_is_not_stored(experts, tmp_path):
    path, draw = tmp_path / "activations.h5", np.random.default_rng(0)
    with created(path) as file:
        for language in ("en", "es"):
            responses = draw.normal(size=(7, 20)).astype("float16")
            file.create_dataset(f"max/{language}", data=responses, chunks=(4, 8), fletcher32=True)
    asked = dict(method="linear_act", languages=["en", "es"])
    observed = choose(spec(**asked), experts, path).sites[0].parameters
    everywhere = choose(spec(**asked, settings={"support": "all"}), experts, path).sites[0].parameters
    assert everywhere == {name: observed[name] for name in ("slope", "offset")}
    assert set(observed) == {"slope", "offset", "low", "high"}


def test_a_method_that_draws_has_a_generator_of_the_seed(experts, monkeypatch):
    class Noise(Method):
        def parameters(self, statistics, settings, generator):
            return {"value": generator.normal(size=len(statistics.expertise))}

    monkeypatch.setattr(registry, "get_method", lambda name: Noise())
    drawn = [choose(random(seed, method="force", values="own"), experts) for seed in (0, 0, 1)]
    values = [sorted(forced(condition).values()) for condition in drawn]
    assert values[0] == values[1] != values[2]
    assert values[0] == sorted(np.random.default_rng([0, 2]).normal(size=3))
    assert forced(choose(spec(method="force"), experts)) == forced(choose(spec(method="force"), experts))


def test_too_many_units_or_an_unknown_language_are_refused(experts):
    with pytest.raises(StudyError, match="21"):
        choose(spec(k=21), experts)
    with pytest.raises(StudyError, match="not for fr"):
        choose(spec(target="fr"), experts)


def test_the_stage_writes_the_condition(experts, tmp_path):
    path = tmp_path / "condition.json"
    main(["--spec", spec().model_dump_json(), "--experts", str(experts), "--condition", str(path)])
    assert read_condition(path) == choose(spec(), experts)


@pytest.fixture
def written(tmp_path):
    """A condition's file, and what it holds."""
    site = Site(module="h.0.mlp.up", width=6, units=[1, 4], parameters={"value": [1e-30, 2]})
    changed = dict(method="force", units="expert", target="es", pooling="max", k=2)
    write_condition(tmp_path / "condition.json", Condition(name="es", model="tiny", sites=[site], **changed))
    return tmp_path / "condition.json", json.loads((tmp_path / "condition.json").read_text())


def test_a_condition_is_written_as_canonical_json(written):
    path, _ = written
    assert path.read_text() == (
        '{"k":2,"method":"force","model":"tiny","name":"es","pooling":"max","positions":"all","seed":null,"sites":'
        '[{"module":"h.0.mlp.up","parameters":{"value":[1e-30,2.0]},"units":[1,4],"width":6}],'
        '"target":"es","units":"expert"}\n'
    )


def test_what_a_condition_changes_does_not_depend_on_its_name(written):
    path, held = written
    changes = []
    for name, k, units in (("es", 2, [1, 4]), ("other", 2, [1, 4]), ("es", 2, [1, 5])):
        path.write_text(json.dumps({**held, "name": name, "k": k, "sites": [{**held["sites"][0], "units": units}]}))
        changes.append(read_condition(path).change)
    assert changes[0] == changes[1] != changes[2]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"k": 3}, "k = 3 but its sites list another number of units"),
        ({"kind": "new"}, "kind"),
        ({"positions": "first"}, "'all' or 'last'"),
        ({"seed": "one"}, "valid integer"),
        ({"sites": [{"module": "m", "width": 0, "units": [], "parameters": {}}], "k": 0}, "m has 0 output units"),
        ({"sites": [{"module": "m", "width": 2, "units": [], "parameters": {}, "layer": 0}], "k": 0}, "layer"),
        ({"sites": [{"module": "m", "width": 2, "units": [0, 2], "parameters": {}}]}, "below 2"),
    ],
)
def test_a_file_that_is_no_condition_is_refused(written, changed, message):
    path, held = written
    path.write_text(json.dumps({**held, **changed}))
    with pytest.raises(StudyError, match=f"(?s)not a valid condition.*{message}"):
        read_condition(path)


def test_experts_by_activation_probabilities_are_forced_to_their_own_mean(experts, tmp_path):
    """Neurons 2 and 5 are active in Spanish alone, 8 in both languages."""
    path = tmp_path / "probabilities.h5"
    with created(path) as file:
        for language, active in {"en": [8], "es": [2, 5, 8]}.items():
            values = np.zeros(20)
            values[active] = 0.6
            file.create_dataset(language, data=values)
    # Of 40 probabilities four are above zero, so that the 95th percentile is theirs and none is above it.
    with pytest.raises(StudyError, match="LAPE counts 0 neurons as active"):
        choose(spec(selection="lape", languages=["en", "es"], k=2), experts, scores=path)
    with h5py.File(path, "r+") as file:
        file["es"][2] = 0.7
        file["es"][5] = 0.8
    condition = choose(spec(selection="lape", languages=["en", "es"], k=2), experts, scores=path)
    assert forced(condition) == {2: 2.0, 5: 5.0}
    # As transfer scores, the same file gives the highest of Spanish, whatever English has; ties go to the lower index.
    condition = choose(spec(selection="transfer", k=3), experts, scores=path)
    assert forced(condition) == {2: 2.0, 5: 5.0, 8: 8.0}
    with pytest.raises(StudyError, match="needs transfer scores of all neurons"):
        choose(spec(selection="transfer", k=3), experts)
    with pytest.raises(StudyError, match="k = 21, but the model has only 20 neurons"):
        choose(spec(selection="transfer", k=21), experts, scores=path)
