"""The plan: condition names, and that a job's slice of the config holds what it depends on and no more."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from workflow_scripts.config.study import read_config
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.plan import BASE, UNTRAINED, ConditionName, Plan
from workflow_scripts.plan.models import tokenizer_name
from workflow_scripts.plan.shown import declared, described, findings
from workflow_scripts.plan.shown.declaration import Contents, Figure, Table

ROOT = Path(__file__).parents[2]
RAW = yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())
RAW["study"]["comparison"] = None  # tests name their own methods
RAW["methods"] = {}


def plan(**changes) -> Plan:
    """Return the plan of the default study with some keys changed, their paths joined by two underscores."""
    raw = copy.deepcopy(RAW)
    for path, value in changes.items():
        section = raw
        *parents, key = path.split("__")
        for parent in parents:
            section = section.setdefault(parent, {})
        section[key] = value
    return Plan(read_config(raw, []))


def comparing(methods: dict, **changes) -> Plan:
    """Return the plan of a study that compares these methods with its own."""
    return plan(methods=methods, study__comparison={"methods": list(methods)}, **changes)


def shown(name: str) -> Table | Figure:
    """Return the declaration of a table, or of a kind of figures by `figure_` and its name."""
    tables, kinds = declared()
    (found,) = [
        *(table for table in tables if table.name == name),
        *(kind for kind in kinds if f"figure_{kind.kind}" == name),
    ]
    return found


def slices(plan: Plan) -> dict[str, str]:
    """Return the spec of every kind of job, of tables and figures those that the study has.

    Of a kind of figures, it is the first one's.
    """
    of, es, base = plan.slices, plan.conditions.expert("demo", "es", "max"), BASE
    slices = {
        "read_texts dev": of.read_texts("cldr-dev"),
        "read_texts devtest": of.read_texts("cldr-devtest"),
        "read_texts train": of.read_texts("cldr-train"),
        "train_tokenizer": of.train_tokenizer(tokenizer_name(plan.models["demo"].train)),
        "train_model": of.train_model("demo"),
        "describe_model": of.describe_model("demo", "weights"),
        "evaluate_model": of.evaluate_model("demo"),
        "record_responses": of.record_responses(),
        "rank_neurons": of.rank_neurons("max"),
        "count_active_tokens": of.count_active_tokens(),
        "score_transfer": of.score_transfer(),
        "change_nothing": of.change_nothing("demo", base),
        "choose_units": of.choose_units("demo", es),
        "list_experts": of.list_experts("demo", "max", "es"),
        "choose_units random": of.choose_units("demo", "es-random-max-k100-s0"),
        "embed_sentences base": of.embed_sentences("demo", base),
        "embed_sentences es": of.embed_sentences("demo", es),
        "embed_sentences random": of.embed_sentences("demo", "es-random-max-k100-s0"),
        "embed_words": of.embed_words(es),
        "embed_words untrained": of.embed_words(UNTRAINED),
        "measure_space": of.measure_space([""]),
        "retrieve_paraphrases": of.retrieve_paraphrases(es),
        "correlate_languages": of.correlate_languages("demo", es),
        "find_examples": of.find_examples(es),
        "project_space": of.project_space(),
        "generate_texts": of.generate_texts("es", "max"),
        "identify_languages": of.identify_languages("es"),
        "measure_perplexity": of.measure_perplexity("es", "max"),
        "probe_topics": of.probe_topics(),
        **({"probe_ngrams": of.probe_ngrams()} if plan.config.transfer.ngrams else {}),
        **({"probe_few_shot": of.probe_few_shot()} if plan.config.transfer.few_shot else {}),
        "probe_words": of.probe_words(),
        "compare_languages": of.compare_languages(),
        "compare_subwords": of.compare_subwords(),
        "write_findings": canonical_json(findings.spec(plan)),
        "write_report": plan.shown.report(plan.shown.tables(), plan.shown.figures()),
    }
    if "cldr-tatoeba" in plan.corpora.translated:
        slices["retrieve_translations"] = of.retrieve_translations(es, "cldr-tatoeba")
    if any(name == "demo" for group in plan.embedded.layer_groups for name in group.models):
        slices["measure_layers"] = of.measure_space(plan.embedded.layers("demo", base)[1:])
    slices |= {table.name: plan.shown.spec(table) for table in plan.shown.tables()}
    firsts = {kind.kind: (kind, contents.path) for kind, contents in reversed(plan.shown.figures())}
    return slices | {f"figure_{name}": plan.shown.spec(kind, path) for name, (kind, path) in firsts.items()}


BOTH = {"aura": {"method": "aura"}, "caa": {"method": "mean_difference", "layer": 2, "strengths": [1, 3]}}
LANGUAGES = RAW["study"]["alignment"]["languages"]
# The jobs of a model that embed every data set in one pass, so that an edit of one data set concerns them: languages
# that the edit leaves alone are then found in the cache.
OF_ALL_DATASETS = {"embed_sentences base", "embed_sentences es"}
EMBEDDINGS = {*OF_ALL_DATASETS, "embed_sentences random"}
WORDS = {"embed_words", "embed_words untrained"}
PARAPHRASES = {"table3", "table5", "table6"}
LAYERS = {"layers", "figure_layers"}
FAMILIES = {"families", "figure_families", "figure_family_matrix"}
STEPS = {"checkpoints", "figure_checkpoints", "figure_abx_map"}
SIMILARITY_TABLES = {"similarity", "similarity_mixed"}
OF_SHOWN_TARGET = {"figure_overview", "figure_projection", "figure_retrieval", "figure_retrieval_change"}
OF_OTHER_TARGETS = {"figure_retrieval_other_targets", "figure_retrieval_change_other_targets"}
RANDOM_FIGURES = {"figure_projection_random", "figure_retrieval_random"}
RETRIEVAL_FIGURES = {
    *("figure_overview", "figure_retrieval", "figure_retrieval_change", "figure_retrieval_random"),
    *OF_OTHER_TARGETS,
}
OF_ALL_TARGETS = {*RANDOM_FIGURES, "figure_abx", "figure_abx_pairs"}
FIGURES_OF_LANGUAGES = {*OF_SHOWN_TARGET, *OF_OTHER_TARGETS, *OF_ALL_TARGETS}
BOOTSTRAPPED = {
    *("table2", "centred", "families", "figure_families", "abx", "layers", "checkpoints", "similarity"),
    *("transfer", "sources", "write_findings"),
    *(RETRIEVAL_FIGURES - {"figure_overview"}),
}
SHOWN = {
    *(
        "table1",
        "table2",
        *PARAPHRASES,
        "table4",
        "table7",
        "centred",
        *FAMILIES,
        "abx",
        "transfer",
        "sources",
        *SIMILARITY_TABLES,
    ),
    *(*LAYERS, *STEPS, *FIGURES_OF_LANGUAGES, "figure_similarity", "figure_transfer", "figure_sweep"),
    *("claims", "replication", "compute"),
}  # all that name models
CHANGED = [
    ({}, set()),
    ({"compute__tokens_per_batch": 77, "compute__threads": 3, "compute__device": "cpu"}, set()),
    ({"results": "elsewhere", "cache": "/tmp/cache", "data_root": "/data"}, {"compute"}),  # which reads all logs
    (
        {"study__shown_target": "de"},
        {
            *("embed_sentences random", "claims", "table3", "table5", *LAYERS),
            *(*OF_SHOWN_TARGET, *OF_OTHER_TARGETS, "write_findings", "write_report"),
        },
    ),
    ({"random_control__seeds": [7]}, {"table6", *RANDOM_FIGURES, "claims", "centred", "abx", "layers"}),
    ({"models__other": {"label": "Other", "path": "x", "k": 3}}, set()),
    ({"models__demo__billion_parameters": 7}, set()),
    ({"models__demo__k": 7}, {"choose_units", "list_experts", "figure_sweep", "claims", "write_findings"}),
    ({"models__demo__label": "New"}, {*SHOWN, "write_findings", "write_report"}),
    ({"models__demo__published": "bloom-7b"}, {"claims", "replication"}),
    (
        {"models__demo__seen": ["en"]},
        {
            *("correlate_languages", "table4", *FIGURES_OF_LANGUAGES, "figure_transfer", "figure_sweep"),
            *("claims", "replication"),
        },
    ),
    (
        {"study__targets": ["en", "es"]},
        {
            # Tatoeba has targets alone, BUCC-18 has neither of the two.
            *("embed_sentences base", "score_transfer", "table7", "write_findings", "write_report"),
            *(
                "table1",
                "table2",
                "table4",
                "table5",
                "table6",
                "centred",
                *FAMILIES,
                "abx",
                "layers",
                "transfer",
                "claims",
            ),
            *(*SIMILARITY_TABLES, *OF_OTHER_TARGETS, *OF_ALL_TARGETS, "figure_sweep", "figure_layers"),
            "figure_transfer",
        },
    ),
    (
        {"study__alignment__languages": LANGUAGES[::-1]},
        {
            *("read_texts devtest", *EMBEDDINGS, "measure_space", "measure_layers"),
            *("correlate_languages", "find_examples", "project_space", "compare_languages", "compare_subwords"),
            *(
                "table1",
                "table4",
                "centred",
                "families",
                "figure_family_matrix",
                "abx",
                "layers",
                "checkpoints",
                "figure_abx_map",
                "transfer",
                "claims",
            ),
            *(*FIGURES_OF_LANGUAGES, *SIMILARITY_TABLES, "figure_similarity", "write_findings"),
        },
    ),
    ({"study__translation": None}, {*OF_ALL_DATASETS, "table7"}),
    ({"experts__max_tokens": 64}, {"record_responses", "count_active_tokens", "score_transfer"}),
    ({"experts__expertise": "average_precision"}, {"rank_neurons"}),
    ({"experts__selection": "bottom"}, {"choose_units", "choose_units random", "list_experts"}),
    ({"intervention__forced_value": "median"}, {"choose_units", "choose_units random"}),
    ({"intervention__strength": 0.5}, {"choose_units", "choose_units random"}),
    ({"methods": {"median": {"forced_value": "median"}}}, set()),
    ({"methods": {"lape": {"selection": "lape"}}, "study__comparison": {"methods": ["lape"]}}, {"write_report"}),
    ({"methods": {"token_mean": {"forced_value": "token_mean"}}}, {"record_responses", "rank_neurons"}),
    (
        {"intervention__forced_value": "token_mean"},
        {"record_responses", "rank_neurons", "choose_units", "choose_units random"},
    ),
    ({"embeddings__max_tokens": 64}, EMBEDDINGS),
    (
        {"embeddings__layer": 2},
        {*EMBEDDINGS, *WORDS, "measure_space", "measure_layers", *LAYERS, "checkpoints", "figure_abx_map"},
    ),
    ({"transfer__test_share": 0.5}, {"probe_topics", "probe_words"}),
    ({"transfer__rank": 3}, {"probe_words"}),
    ({"transfer__seed": 3}, {"probe_topics", "probe_words", "embed_words untrained"}),
    ({"transfer__max_tokens": 64}, WORDS),
    ({"study__treebank__languages": ["en", "es"]}, {*WORDS, "probe_words", "transfer", "sources", "figure_transfer"}),
    (
        {"study__topics__languages": ["en", "es"]},
        {*OF_ALL_DATASETS, "probe_topics", "transfer", "sources", "figure_transfer"},
    ),
    ({"models__demo__layers": [1]}, {*EMBEDDINGS, "measure_layers", *LAYERS, "figure_abx_map"}),
    ({"models__demo__train__checkpoints": [7]}, {"train_model", *STEPS}),
    ({"correlations__resamples": 500}, {"correlate_languages", *BOOTSTRAPPED}),
    ({"correlations__seed": 1}, {"correlate_languages", *BOOTSTRAPPED}),
    ({"similarity__file": "own.csv"}, {"compare_languages"}),
    (
        {"metrics__shown_similarity": "centred_cosine"},
        {
            *("find_examples", "table2", *PARAPHRASES, "table7", *FAMILIES, "claims", "replication"),
            *(*RETRIEVAL_FIGURES, *SIMILARITY_TABLES, "write_findings"),
        },
    ),
    ({"generation__temperature": 0.7}, {"generate_texts"}),
    ({"generation__identifier": "fasttext"}, {"identify_languages", "figure_sweep"}),
    ({"sweep__ks": [0, 10]}, {"figure_sweep", "claims"}),
    ({"perplexity__stride": 64}, {"measure_perplexity"}),
    ({"perplexity__standard_error": 0.01}, {"measure_perplexity", "figure_sweep"}),
    ({"projection__neighbours": 5}, {"project_space", "figure_projection", "figure_projection_random"}),
    ({"projection__seed": 5}, {"project_space"}),
    ({"neurons__sites": "linear"}, {"describe_model"}),
    ({"models__demo__train__steps": 300}, {"describe_model", "train_model", *STEPS}),
]


@pytest.mark.parametrize(
    ("changes", "expected"), CHANGED, ids=[", ".join(changes) or "nothing" for changes, _ in CHANGED]
)
def test_an_edit_changes_exactly_the_specs_that_depend_on_it(changes, expected):
    before, after = slices(plan()), slices(plan(**changes))
    assert {name for name in before.keys() & after.keys() if before[name] != after[name]} == expected


def test_what_a_study_leaves_out_or_adds_has_no_spec_or_a_new_one():
    usual = slices(plan()).keys()
    assert slices(plan(study__translation=None)).keys() == usual - {"retrieve_translations"}
    assert slices(plan(models__demo__layers=[])).keys() == usual - {"measure_layers", *LAYERS, "figure_abx_map"}
    compared = slices(comparing({"lape": {"selection": "lape"}})).keys()
    assert compared == usual | {"methods", "figure_methods"}


def test_text_goes_on_from_prompts_where_the_config_has_them():
    there = plan(generation__prompts={"words": 4})
    assert slices(there) == {**slices(plan()), "prompted": there.shown.spec(shown("prompted"))} | {
        "write_report": there.shown.report(there.shown.tables(), there.shown.figures())
    }
    given = json.loads(there.slices.generate_texts("es", "max", prompted=True))
    assert given.pop("prompts") == {"words": 4, "language": "en", "part": "sentence"}
    assert given == json.loads(plan().slices.generate_texts("es", "max"))
    assert json.loads(there.shown.spec(shown("prompted")))["language_name"] == "English"
    inputs = there.shown.inputs(shown("prompted"))
    assert inputs["prompted"] == [path.replace("/lang", "/prompted/lang") for path in inputs["language_id"]]
    with pytest.raises(StudyError, match=r"generation\.prompts\.language: zh is none of study\.alignment\.languages"):
        plan(generation__prompts={"language": "zh"})


def test_every_table_and_kind_of_figure_is_among_these_specs():
    tables, kinds = declared()
    names = {table.name for table in tables} | {f"figure_{kind.kind}" for kind in kinds}
    assert (
        names - slices(comparing(BOTH, generation__prompts={}, transfer__few_shot={"examples": [5]})).keys()
        == OF_MIXTURES
    )


MIXTURES = {"even": {}, "little": {"es": 0.1}, "none": {"es": 0, "ja": 0}, "left-out": None}
FAMILY = {"models__demo__train__mixtures": MIXTURES, "models__demo__train__seeds": [0, 3]}
OF_MIXTURES = {"mixtures", "mixtures_answers", "mixtures_regressions", "figure_mixtures"}


def of_mixtures(plan: Plan) -> dict[str, str]:
    """Return the specs of the tables and the figure of models trained on mixtures."""
    return {
        **{name: plan.shown.spec(shown(name)) for name in OF_MIXTURES - {"figure_mixtures"}},
        "figure_mixtures": plan.shown.spec(shown("figure_mixtures"), "mixtures"),
    }


def test_a_family_is_its_members_each_a_model_like_any_other():
    there, alone = plan(**FAMILY, random_control__seeds=[0]), plan(random_control__seeds=[0])
    names = [f"demo-{mixture}-s{seed}" for mixture in ("even", "little", "none") for seed in (0, 3)]
    assert there.models.names == names and list(there.config.models) == names
    languages = RAW["models"]["demo"]["train"]["languages"]
    last = there.models["demo-none-s3"]
    assert (last.label, last.train.seed, last.k) == ("Demo BLOOM none-s3", 3, 100)
    assert last.seen == [code for code in languages if code not in ("es", "ja")]
    assert there.models["demo-even-s0"].train.shares == pytest.approx(dict.fromkeys(languages, 1 / len(languages)))
    assert there.models["demo-little-s0"].train.shares["es"] == pytest.approx(0.1 / (len(languages) - 1 + 0.1))
    assert list(there.models.tokenizers) == list(alone.models.tokenizers)
    specs = [json.loads(there.slices.train_model(name)) for name in names]
    for spec in specs:
        assert {**spec["train"], "seed": 0, "proportions": {}} == json.loads(alone.slices.train_model("demo"))["train"]
    assert len({canonical_json(spec) for spec in specs}) == len(names)
    assert read_config(there.config.model_dump(mode="json"), []) == there.config


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"models__demo__train__seeds": [2, 5]}, ["demo-s2", "demo-s5"]),
        ({"models__demo__train__mixtures": {"a": {}, "b": {"en": 3}}}, ["demo-a", "demo-b"]),
        ({**FAMILY, "study__models": ["demo-little-s3"]}, ["demo-little-s3"]),
    ],
)
def test_families_by_mixture_or_seed_alone_and_members_by_name(changes, names):
    assert plan(**changes).models.names == names


def test_tables_of_mixtures_are_there_where_mixtures_differ():
    there = plan(**FAMILY)
    assert {table.name for table in there.shown.tables()} >= OF_MIXTURES - {"figure_mixtures"}
    assert "mixtures" in figures(there)
    for changes in ({}, {"models__demo__train__seeds": [0, 1]}, {"models__demo__train__proportions": {"es": 2}}):
        assert "mixtures" not in {table.name for table in plan(**changes).shown.tables()}
    inputs = there.shown.inputs(shown("mixtures"))
    assert len(inputs["alignment"]) == 6 * (1 + 5 + 5) and len(inputs["conditions"]) == 6 * 5
    assert len(inputs["language_id"]) == len(inputs["perplexity"]) == 6 * 5
    assert "language_id" not in plan(**FAMILY, sweep__ks=[0, 50]).shown.inputs(shown("mixtures"))  # without 100, the k


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"models__demo__k": 7, "sweep__ks": [0, 7]}, {"mixtures"}),
        ({"models__demo__train__seeds": [0, 4]}, OF_MIXTURES),
        ({"models__demo__train__mixtures": {**MIXTURES, "little": {"es": 0.2}}}, OF_MIXTURES),
        ({"study__targets": ["en", "es"]}, OF_MIXTURES - {"mixtures_regressions"}),
        ({"random_control__seeds": [9]}, {"mixtures"}),
        ({"correlations__confidence": 0.9}, OF_MIXTURES),
        ({"correlations__resamples": 170}, {"mixtures"}),
        ({"models__demo__train__steps": 9, "models__demo__train__checkpoints": []}, set()),
    ],
)
def test_an_edit_changes_the_tables_of_mixtures_that_depend_on_it(changes, expected):
    before, after = of_mixtures(plan(**FAMILY)), of_mixtures(plan(**{**FAMILY, **changes}))
    assert {name for name in before if before[name] != after[name]} == expected


def test_the_order_of_keys_changes_no_spec():
    raw = {key: RAW[key] for key in reversed(RAW)}
    raw["study"] = {key: RAW["study"][key] for key in reversed(RAW["study"])}
    assert slices(Plan(read_config(raw, []))) == slices(plan())


def test_conditions_are_named_by_what_they_do():
    assert plan().conditions.expert("demo", "es", "max") == "es-expert-max-k100"
    seeded = plan(random_control__seeds=[0, 3]).conditions
    assert seeded.random("demo", "es", "max")[1] == "es-random-max-k100-s3"
    for slug in ("es-expert-max-k100", "ja-random-mean-k2000-s4"):
        assert str(ConditionName.parse(slug)) == slug
    by_method = comparing({"aura": {"method": "aura"}, "det0": {"method": "damp"}}).conditions
    assert by_method.by_methods("demo", ["es"]) == ["es-expert-max-k100-aura", "es-expert-max-k100-det0"]
    for slug in ("es-expert-max-k100-det0", "es-random-max-k5-s3-s_3"):
        assert str(ConditionName.parse(slug)) == slug
    both = comparing(BOTH, experts__poolings=["max", "mean"]).conditions
    assert both.by_methods("demo", ["es", "ja"]) == [
        *("es-expert-max-k100-aura", "ja-expert-max-k100-aura"),
        *("es-expert-mean-k100-aura", "ja-expert-mean-k100-aura"),
        *("es-layer-caa", "es-layer-caa-x3", "ja-layer-caa", "ja-layer-caa-x3"),
    ]
    for slug in ("es-layer-caa", "es-layer-caa-x0.25", "es-random-max-k5-s3-aura-x12"):
        assert str(ConditionName.parse(slug)) == slug
    for slug in (
        "es-layer",
        "es-layer-",
        "es-layer-max-k1-caa",
        "es-layer-caa-x",
        "es-layer-caa-x-1",
        "es-expert-max-k1-x2",
        "es-expert-max-k1-s2-aura",
        "es-random-max-k1-aura",
        "es-expert-max-k1-",
    ):
        with pytest.raises(StudyError, match="names no condition"):
            ConditionName.parse(slug)
    for slug in ("base", "es-expert-max", "es-expert-max-k1-s2", "es-random-max-k1", "../es-expert-max-k1"):
        with pytest.raises(StudyError, match="names no condition"):
            ConditionName.parse(slug)


def test_a_method_is_what_its_section_says_whatever_the_studys_intervention_is():
    methods = {"aura": {"method": "aura"}, "half": {"method": "damp", "strengths": [0.5]}}
    one, other = (plan(methods=methods, **changes).slices for changes in ({}, {"intervention__forced_value": "median"}))
    for name, method, strength in (("aura", "aura", 1.0), ("half-x0.5", "damp", 0.5), ("half-x7", "damp", 7.0)):
        spec = json.loads(one.choose_units("demo", f"es-expert-max-k100-{name}"))
        assert (spec["method"], spec["strength"], spec["k"]) == (method, strength, 100)
        assert spec == json.loads(other.choose_units("demo", f"es-expert-max-k100-{name}"))
    slug = "es-expert-max-k100"
    assert one.choose_units("demo", slug) == plan().slices.choose_units("demo", slug)


def test_the_settings_of_a_method_are_in_the_slices_of_its_conditions_alone():
    """As the type that the method declares, whatever YAML or the command line gave; nothing where none is given."""
    own = {
        "act": {"method": "linear_act", "support": "all"},
        "other": {"method": "linear_act"},
        "aura": {"method": "aura"},
    }
    given = plan(methods=own, intervention={"method": "linear_act", "support": "observed"})
    settings = {
        name: json.loads(given.slices.choose_units("demo", f"es-expert-max-k100{name}")).get("settings")
        for name in ("", "-act", "-act-x0.5", "-other", "-aura")
    }
    everywhere = {"support": "all"}
    assert settings == {
        "": {"support": "observed"},
        "-act": everywhere,
        "-act-x0.5": everywhere,
        "-other": None,
        "-aura": None,
    }
    fitted = plan(methods={"act": {"method": "linear_act_by_layer", "support": "all"}})
    assert json.loads(fitted.slices.fit_by_layer("demo", "es-expert-max-k100-act"))["settings"] == everywhere


def test_a_condition_depends_on_the_code_of_its_own_method_alone():
    given = plan(methods={"act": {"method": "linear_act"}, "caa": {"method": "mean_difference", "layer": 1}})
    assert given.conditions.method_modules("base") == given.conditions.method_modules("untrained") == []
    assert given.conditions.method_modules("es-expert-max-k100") == ["workflow_scripts.interventions.force"]
    assert given.conditions.method_modules("es-random-max-k100-s0-act") == ["workflow_scripts.interventions.linear_act"]
    assert given.conditions.method_modules("es-layer-caa-x2") == ["workflow_scripts.interventions.mean_difference"]


def test_the_responses_are_read_for_a_method_that_needs_them_alone():
    both = plan(methods={"act": {"method": "linear_act"}, "aura": {"method": "aura"}})
    slugs = ["es-expert-max-k100-act", "es-expert-max-k100-aura", "es-expert-max-k100"]
    assert [both.conditions.needs_responses(slug) for slug in slugs] == [True, False, False]
    specs = [json.loads(both.slices.choose_units("demo", slug)) for slug in slugs]
    assert [spec.get("languages") for spec in specs] == [RAW["study"]["probing"]["languages"], None, None]


def test_a_layer_is_changed_by_methods_on_layers_and_units_by_those_on_units():
    both = comparing(BOTH)
    assert re.fullmatch(both.conditions.layer_pattern, "es-layer-caa")
    assert re.fullmatch(both.conditions.unit_pattern, "es-expert-max-k1-aura")
    for slug in ("es-layer-aura", "it-layer-caa", "es-expert-max-k1-caa"):
        assert not re.fullmatch(both.conditions.pattern, slug)
    assert not re.fullmatch(plan().conditions.pattern, "es-layer-caa")
    assert both.conditions.changed_layers == ["2"] and json.loads(both.slices.average_states("2"))["layer"] == 2
    spec = json.loads(both.slices.steer_layer("demo", "es-layer-caa-x3"))
    assert (spec["target"], spec["layer"], spec["strength"]) == ("es", 2, 3.0)


def test_a_layers_covariance_is_measured_where_a_method_on_it_needs_it():
    both = comparing({**BOTH, "lda": {"method": "discriminant", "layer": 3}})
    needed = {layer: json.loads(both.slices.average_states(layer)).get("covariance") for layer in ("2", "3")}
    assert needed == {"2": None, "3": True}


def test_methods_are_swept_over_strengths_at_the_models_number_of_experts_alone():
    sweeps = comparing(BOTH).sweeps
    assert [name for name in sweeps.names() if name.startswith("es-")] == ["es-max", "es-max-aura", "es-layer-caa"]
    assert [name for name in sweeps.names(compared=False) if name.startswith("es-")] == ["es-max"]
    assert sweeps.conditions("demo", "es", "max", "aura") == ["es-expert-max-k100-aura"]
    assert sweeps.conditions("demo", "es", "layer", "caa") == ["es-layer-caa", "es-layer-caa-x3"]
    swept = plan(sweep__ks=[0, 50]).sweeps.conditions("demo", "es", "max")
    assert swept == [BASE, "es-expert-max-k50"]


def test_the_comparison_has_a_row_for_each_pooling_method_and_strength():
    both = comparing(BOTH, experts__poolings=["max", "mean"])
    rows = json.loads(both.shown.spec(shown("methods")))["compared"]
    assert [(row["pooling"], row["method"], row["strength"]) for row in rows] == [
        (None, "none", 0.0),
        *(("max", "constant", None), ("max", "intervention", 1.0), ("max", "aura", 1.0)),
        *(("mean", "constant", None), ("mean", "intervention", 1.0), ("mean", "aura", 1.0)),
        *((None, "caa", 1.0), (None, "caa", 3.0)),
    ]
    slugs = {slug for row in rows for slugs in row["conditions"].values() for slug in slugs}
    assert slugs == {BASE, *both.conditions.experts_of("demo"), *both.conditions.by_methods("demo")}


def test_methods_are_compared_on_some_targets_and_with_random_units_of_every_seed():
    methods = {"drawn": {"units": "random", "draw": "same_layers"}}
    comparison = {"methods": ["drawn"], "targets": ["ja"]}
    compared = plan(methods=methods, study__comparison=comparison, random_control__seeds=[0, 3])
    slugs = ["ja-random-max-k100-s0-drawn", "ja-random-max-k100-s3-drawn"]
    assert compared.conditions.by_methods("demo") == slugs
    assert compared.sweeps.conditions("demo", "ja", "max", "drawn") == slugs
    assert compared.conditions.by_methods("demo", ["es"]) == []
    assert "es-max-drawn" not in compared.sweeps.names() and "es-max" in compared.sweeps.names()
    spec = json.loads(compared.slices.choose_units("demo", slugs[1]))
    assert (spec["units"], spec["seed"], spec["draw"], spec["values"]) == ("random", 3, "same_layers", "experts")
    rows = json.loads(compared.shown.spec(shown("methods")))["compared"]
    assert [list(row["conditions"]) for row in rows] == [["ja"]] * 4
    assert rows[-1]["conditions"]["ja"] == slugs


def test_what_is_fitted_layer_after_layer_is_made_by_a_rule_of_its_own():
    by_layer = comparing({"act": {"method": "linear_act_by_layer", "selection": "lape"}})
    assert by_layer.conditions.fitted_by_layer("es-expert-max-k100-act-x0.5")
    assert not re.fullmatch(by_layer.conditions.unit_pattern, "es-expert-max-k100-act")
    assert re.fullmatch(by_layer.conditions.by_layer_pattern, "es-expert-max-k100-act")
    spec = json.loads(by_layer.slices.fit_by_layer("demo", "es-expert-max-k100-act-x0.5"))
    assert (spec["selection"], spec["strength"], spec["sentences"]) == ("lape", 0.5, 100)


def test_the_pattern_of_conditions_admits_any_k_and_no_other_target():
    pattern = re.compile(plan().conditions.pattern)
    for slug in ("base", "es-expert-max-k1", "ja-random-max-k20-s9"):
        assert pattern.fullmatch(slug)
    compared = re.compile(plan(methods={"aura": {"method": "aura"}}).conditions.pattern)
    assert compared.fullmatch("es-random-max-k20-s9-aura")
    assert compared.fullmatch("es-expert-max-k1")
    assert not compared.fullmatch("es-expert-max-k1-det0")
    for slug in ("es-expert-max-k1-aura", "it-expert-max-k1", "es-expert-mean-k1", "es-random-max-k1", "base2"):
        assert not pattern.fullmatch(slug)


def parts(there: Plan, model: str, slug: str) -> tuple[list[str], list[str]]:
    """Return the parts that tell apart the files of embeddings of a condition, and those of its further layers."""
    files = there.embedded.files(model, slug)
    return [f"{name}{layer}" for name in files for layer in files[name]], there.embedded.layers(model, slug)[1:]


@pytest.mark.parametrize(
    "there",
    [
        plan(),
        plan(models__demo__layers=[]),
        comparing(BOTH),
        comparing(BOTH, study__topics__languages=["en", "es"], models__demo__layers=[1, 3]),
    ],
    ids=["usual", "no layers", "methods", "other layers and languages"],
)
def test_every_condition_is_embedded_and_measured_by_exactly_one_rule_that_makes_its_files(there):
    slugs = [BASE, *there.conditions.experts_and_randoms("demo"), *there.conditions.by_methods("demo")]
    slugs += ["es-expert-max-k7", "de-random-max-k7-s9"]  # any other k and seed can be asked for
    if there.conditions.methods:
        slugs += ["es-expert-max-k7-aura-x0.25", "es-layer-caa-x0.25"]  # and any strength
    groups = there.embedded.embedding_groups, there.embedded.layer_groups
    for model in there.models.nameable:
        for slug in slugs:
            for of_rule, expected in zip(groups, parts(there, model, slug), strict=True):
                found = [
                    group.parts for group in of_rule if model in group.models and re.fullmatch(group.conditions, slug)
                ]
                assert found == ([expected] if expected else []), (model, slug)
    names = [group.rule for of_rule in groups for group in of_rule]
    assert len(names) == len(set(names))


def test_paraphrases_are_embedded_in_the_target_alone_under_a_condition():
    corpora = plan().corpora
    assert corpora.embedded_languages("base", "cldr-paws-x") == ["en", "de", "fr", "es", "ja"]
    assert corpora.embedded_languages("es-expert-max-k100", "cldr-paws-x") == ["es"]
    assert corpora.embedded_languages("es-expert-max-k100", "cldr-devtest") == LANGUAGES
    common = ["cldr-devtest", "cldr-paws-x", "cldr-tatoeba"]
    assert corpora.embedded_under("es-expert-max-k100") == [*common, "cldr-topics"]
    assert corpora.embedded_under("de-expert-max-k100") == [*common, "cldr-bucc18", "cldr-topics"]
    assert corpora.embedded_under("de-random-max-k100-s0") == ["cldr-devtest", "cldr-paws-x"]


def figures(plan: Plan) -> set[str]:
    """Return the paths of the figures of a study."""
    return {contents.path for _, contents in plan.shown.figures()}


def test_what_probes_tell_follows_from_the_data_sets_that_there_are():
    assert list(plan().corpora.probed) == ["topics", "tags", "attachment"]
    assert "transfer/demo" in figures(plan())
    topics = RAW["study"]["topics"]["languages"]
    assert plan().corpora.embedded_languages("es-expert-max-k100", "cldr-topics") == topics
    assert list(plan(study__treebank=None).corpora.probed) == ["topics"]
    without = plan(study__treebank=None, study__topics=None)
    assert without.corpora.probed == {}
    assert "transfer/demo" not in figures(without)
    assert "transfer" not in {table.name for table in without.shown.tables()}
    with pytest.raises(StudyError, match=r"no transfer\. study\.topics and study\.treebank are null"):
        without.shown.inputs(shown("transfer"))
    assert not {"cldr-topics", "cldr-treebank"} & {*without.corpora.names, *without.corpora.embedded}


def test_topics_are_told_by_ngrams_where_the_config_has_them():
    usual, there = plan(), plan(transfer__ngrams={})
    assert slices(there) == {**slices(usual), "probe_ngrams": there.slices.probe_ngrams()}
    assert "ngrams" not in usual.shown.inputs(shown("sources"))
    assert there.shown.inputs(shown("sources"))["ngrams"] == ["<results>/ngrams/transfer.csv"]
    assert "ngrams" not in plan(transfer__ngrams={}, study__topics=None).shown.inputs(shown("sources"))


def test_probes_have_a_few_examples_where_the_config_says_how_many():
    there = plan(transfer__few_shot={"examples": [0, 5], "sources": ["en"]})
    added = {"probe_few_shot": there.slices.probe_few_shot(), "few_shot": there.shown.spec(shown("few_shot"))}
    report = {"write_report": there.shown.report(there.shown.tables(), there.shown.figures())}
    assert slices(there) == {**slices(plan()), **added, **report}
    given = json.loads(there.slices.probe_few_shot())
    assert given == json.loads(plan().slices.probe_topics()) | {"examples": [0, 5], "sources": ["en"]}
    assert (
        json.loads(plan(transfer__few_shot={"examples": [5]}).slices.probe_few_shot())["sources"]
        == RAW["study"]["topics"]["languages"]
    )
    conditions = [BASE, *plan().conditions.experts_of("demo")]
    expected = [f"<results>/metrics/demo/{slug}/cldr-topics/few_shot.csv" for slug in conditions]
    assert there.shown.inputs(shown("few_shot"))["few_shot"] == expected
    alone = plan(transfer__few_shot={"examples": [5], "experts": False})
    assert alone.shown.inputs(shown("few_shot"))["few_shot"] == expected[:1]
    with pytest.raises(StudyError, match=r"no few_shot\. transfer\.few_shot is null"):
        plan().shown.inputs(shown("few_shot"))
    with pytest.raises(StudyError, match=r"transfer\.few_shot\.sources: zh none of study\.topics\.languages"):
        plan(transfer__few_shot={"examples": [5], "sources": ["zh"]})
    with pytest.raises(StudyError, match=r"transfer\.few_shot\.examples: 100 are more than .*, of 64 sentences"):
        plan(transfer__few_shot={})


def test_topics_may_be_the_parallel_corpus_and_are_then_embedded_once():
    there = plan(study__alignment={"dataset": "cldr-topics", "languages": LANGUAGES})
    assert there.embedded.files("demo", BASE)["cldr-topics"] == ["", *there.embedded.layers("demo", BASE)[1:]]
    assert "cldr-devtest" not in there.embedded.files("demo", BASE)
    assert there.corpora.embedded_languages(BASE, "cldr-topics") == LANGUAGES


def test_figures_of_the_papers_study_have_the_papers_numbers():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(config, yaml.safe_load((ROOT / "studies/paper.yaml").read_text()))  # as Snakemake does
    found = Plan(read_config(config, [])).shown.figure_numbers
    assert list(found) == list(range(1, 33))
    assert found[3] == "projection/es"
    # Paper, appendix C: the models one after the other, each with English, Spanish, German, French, Japanese.
    assert [found[number] for number in (6, 7, 8, 9, 10, 11, 20)] == [
        *(f"projection/bloom-7b1/{target}" for target in ("en", "es", "de", "fr", "ja")),
        "projection/aya-23-8b/en",
        "projection/polylm-chat-13b/ja",
    ]
    assert found[22] == "retrieval_other_targets/aya-23-8b"
    assert found[26] == "retrieval_change_other_targets/polylm-chat-13b"
    assert (found[27], found[32]) == ("projection_random/bloom-7b1", "retrieval_random/polylm-chat-13b")


def test_numbers_keep_their_meaning_in_another_study():
    one = plan().shown
    assert list(one.figure_numbers) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 21, 24, 27, 30]
    assert one.figure_numbers[30] == "retrieval_random/demo"
    assert one.table_numbers == [1, 2, 3, 4, 5, 6, 7]
    targets = ["en", "es", "de", "fr", "ja", "it", "pt"]
    probing = {"dataset": "cldr-dev", "languages": [*targets, "zh"]}
    seven = plan(study__targets=targets, study__probing=probing).shown.figure_numbers
    assert [seven[number] for number in (6, 12)] == ["projection/demo/en", "projection/demo/pt"]
    assert seven[21] == "retrieval_other_targets/demo"
    # What the paper has no number for is there by name.
    copies = {f"demo{copy}": RAW["models"]["demo"] for copy in range(4)}
    four = plan(models=copies, study__models=list(copies)).shown.figures()
    assert {each.number for kind, each in four if kind.kind == "projection"} == {3, *range(6, 21), None}
    assert "retrieval_random/demo3" in {each.path for _, each in four if each.number is None}


def test_tables_and_figures_are_the_papers_or_beyond_it():
    both = comparing(BOTH).shown
    assert {table.name for table in both.tables(beyond=False)} == {
        *(f"table{number}" for number in range(1, 8)),
        *("claims", "replication", "compute"),
    }
    assert {table.name for table in both.tables(beyond=True)} == {
        *(
            "centred",
            "families",
            "abx",
            "layers",
            "checkpoints",
            "transfer",
            "sources",
            "similarity",
            "similarity_mixed",
            "methods",
        ),
    }
    assert {each.number for _, each in both.figures(beyond=True)} == {None}
    beyond = {
        "families",
        "family_matrix",
        "abx",
        "abx_pairs",
        "abx_map",
        "layers",
        "checkpoints",
        "transfer",
        "similarity",
        "methods",
    }
    assert {kind.kind for kind in both.kinds(beyond=True)} == beyond
    assert not beyond & {kind.kind for kind in both.kinds(beyond=False)}


def test_no_two_tables_or_figures_have_a_name_or_a_place_in_common():
    tables, kinds = declared()
    assert len({table.name for table in tables}) == len(tables)
    assert len({kind.kind for kind in kinds}) == len(kinds)
    places = [each.place for each in (*tables, *kinds)]
    assert len(set(places)) == len(places)


ENCODERS = {
    "xlm-r": {"label": "XLM-R", "path": "x", "k": 3, "neurons": 400, "architecture": "encoder"},
    "mt5": {"label": "mT5", "path": "y", "k": 3, "neurons": 400, "architecture": "encoder_decoder"},
}


def test_models_that_write_no_text_have_no_sweep():
    of_both = plan(models={**RAW["models"], **ENCODERS}, study__models=["xlm-r", "demo", "mt5"])
    assert of_both.config.generating_models == ["demo"]
    assert of_both.shown.figure_numbers[2] == "sweep"
    drawn = json.loads(of_both.shown.spec(shown("figure_sweep"), "sweep"))
    assert [model["name"] for model in drawn["models"]] == list(drawn["chosen"]) == ["demo"]
    assert [model["name"] for model in drawn["left_out"]] == ["xlm-r", "mt5"]
    assert of_both.sweeps.why_none(["xlm-r", "demo"]) is None
    claims = of_both.shown.spec(shown("claims"))
    assert "xlm-r" in claims and '"architecture":"encoder"' in claims
    usual = plan().shown
    assert "architecture" not in usual.spec(shown("claims"))
    assert json.loads(usual.spec(shown("figure_sweep"), "sweep"))["left_out"] == []

    alone = plan(models=ENCODERS, study__models=["xlm-r", "mt5"])
    assert alone.sweeps.targets == []
    assert "cldr-wikipedia" in of_both.corpora.names and "cldr-wikipedia" not in alone.corpora.names
    assert list(alone.shown.figure_numbers) == [1, *range(3, 16), 21, 22, 24, 25, 27, 28, 30, 31]
    reason = (
        "Perplexity and generation are left out for XLM-R (an encoder) and mT5 (an encoder-decoder, of which the "
        "encoder alone is measured)."
    )
    assert alone.sweeps.why_none(["xlm-r", "mt5"]) == reason
    with pytest.raises(StudyError, match=re.escape(f"This study has no Figure 2. {reason}")):
        alone.shown.figure(2)
    with pytest.raises(StudyError, match=r"This study has no Figure 33\. It has 1, 3, 4, 5, 6"):
        alone.shown.figure(33)
    with pytest.raises(StudyError, match=r"no Figure 2\. study\.perplexity names no text in a target language"):
        plan(study__perplexity=None).shown.figure(2)


def test_only_models_that_write_text_need_as_many_neurons_as_the_sweep_has():
    plan(models=ENCODERS, study__models=["xlm-r"])  # whose 400 neurons are fewer than the sweep's 500
    with pytest.raises(StudyError, match=r"sweep\.ks: 500 is more than the 400 neurons of models\.xlm-r"):
        plan(models={"xlm-r": {**ENCODERS["xlm-r"], "architecture": "causal"}}, study__models=["xlm-r"])


def test_every_figure_says_what_it_shows():
    there = plan()
    for kind, contents in there.shown.figures():
        found = there.shown.nameable(kind)[contents.path]
        assert (found.models, found.targets) == (contents.models, contents.targets)
        spec = json.loads(there.shown.spec(kind, contents.path))
        assert spec.get("units", "expert") == ("random" if "random" in kind.kind else "expert")
        assert all(there.shown.inputs(kind, contents.path).values())
    assert there.shown.nameable(shown("figure_projection"))["projection/demo/de"].targets == ["de"]
    others = there.shown.nameable(shown("figure_retrieval_other_targets"))
    assert others["retrieval_other_targets/demo"].targets == ["en", "de", "fr", "ja"]
    nameable = [path for kind in there.shown.kinds() for path in there.shown.nameable(kind)]
    assert len(nameable) == len(set(nameable)) and "projection/other/de" not in nameable

    def titles(models: list[str], targets: list[str]) -> list[str]:
        return [panel["title"] for panel in described.panels(there, Contents("", models, targets))]

    assert titles(["demo"], ["de", "fr"]) == ["German", "French"]
    assert titles(["demo"], ["de"]) == ["Demo BLOOM · German"]


def test_what_two_numbers_of_the_paper_would_show_is_in_the_report_once():
    there = plan()
    shown_twice = [contents.number for kind, contents in there.shown.figures() if kind.kind == "projection"]
    shown_once = [each for kind, each in there.shown.distinct(there.shown.figures()) if kind.kind == "projection"]
    assert shown_twice == [3, 6, 7, 8, 9, 10] and [each.number for each in shown_once] == [3, 6, 8, 9, 10]
    described_once = json.loads(there.shown.report([], there.shown.figures()))["figures"]
    assert [each["also"] for each in described_once if "also" in each] == [7]
    two = plan(study__models=["demo", "other"], models__other={**RAW["models"]["demo"], "label": "Other"})
    assert len(two.shown.distinct(two.shown.figures())) == len(two.shown.figures())


def test_local_files_are_known_so_that_an_edited_one_is_read_again():
    local = {"source": "local", "layout": "flores200", "split": "dev"}
    corpora = plan(datasets__local=local, study__probing__dataset="local", data_root="/data").corpora
    files = corpora.local_files("local")
    assert files[:2] == ["/data/flores200_dataset/dev/eng_Latn.dev", "/data/flores200_dataset/dev/deu_Latn.dev"]
    assert len(files) == 6
    assert corpora.local_files("cldr-devtest") == []


def test_files_of_a_directory_laid_out_like_the_hub_are_known_too(tmp_path):
    for name in ("eng_Latn", "deu_Latn", "cmn_Hans"):
        (tmp_path / f"dev/{name}.jsonl").parent.mkdir(exist_ok=True)
        (tmp_path / f"dev/{name}.jsonl").touch()
    (tmp_path / "dev/deu_Latn.parquet").touch()  # not read, since another alternative comes first
    mirror = {"source": "hub", "layout": "flores200", "split": "dev", "repository": str(tmp_path)}
    files = plan(datasets__mirror=mirror, study__probing__dataset="mirror").corpora.local_files("mirror")
    assert files == [f"{tmp_path}/dev/{name}.jsonl" for name in ("eng_Latn", "deu_Latn", "cmn_Hans")]
    elsewhere = {**mirror, "repository": "owner/name", "revision": "0" * 40}
    assert plan(datasets__mirror=elsewhere, study__probing__dataset="mirror").corpora.local_files("mirror") == []


def test_an_archive_is_unpacked_into_the_cache_by_its_hash():
    packed = {"source": "url", "layout": "flores200", "split": "dev", "url": "https://a.org/b.zip", "sha256": "0" * 64}
    there = plan(datasets__packed=packed, study__probing__dataset="packed", cache="/scratch/cache", data_root="/data")
    assert json.loads(there.slices.read_texts("packed"))["data_root"] == f"/scratch/cache/archives/{'0' * 64}"
    assert there.corpora.local_files("packed") == []


def test_checkpoints_are_models_with_the_settings_of_theirs():
    there = plan(models__demo__train__checkpoints=[50, 0])
    assert there.models.checkpoints_of("demo") == {"demo-step0": 0, "demo-step50": 50}
    assert there.models.steps_of("demo") == {"demo-step0": 0, "demo-step50": 50, "demo": 120}
    assert there.models.nameable == ["demo", "demo-step0", "demo-step50"]
    assert there.conditions.expert("demo-step50", "es", "max") == "es-expert-max-k100"
    assert there.models["demo-step50"].label == "Demo BLOOM, step 50"
    described = [json.loads(there.slices.describe_model(name, "weights")) for name in ("demo", "demo-step50")]
    assert described[1] == {**described[0], "name": "demo-step50"}
    assert there.embedded.layers("demo-step50", BASE) == there.embedded.layers("demo", BASE)
    assert list(there.embedded.files("demo-step50", BASE)) == ["cldr-devtest"]
    unkept = plan(models__demo__train__checkpoints=[])
    assert unkept.models.nameable == ["demo"] and unkept.models.with_checkpoints == []
    assert there.corpora.names == unkept.corpora.names


@pytest.mark.parametrize(
    ("main", "further", "expected"),
    [
        ("last", [3, 0], {"0": "/layer-0", "3": "/layer-3", "last": ""}),
        (2, [3, 2, 0], {"0": "/layer-0", "2": "", "3": "/layer-3"}),
        ("last", [], {"last": ""}),
    ],
)
def test_layers_come_in_their_order_and_the_main_one_once(main, further, expected):
    there = plan(embeddings__layer=main, models__demo__layers=further)
    assert list(there.models.layers_of("demo").items()) == list(expected.items())
    assert there.models.with_layers == (["demo"] if further else [])
    assert ("layers/demo" in figures(there)) == bool(further)
    assert sorted(there.embedded.layers("demo", BASE)) == sorted(expected.values())
    measured = json.loads(there.slices.measure_space(list(expected.values())))["layers"]
    assert list(map(str, measured)) == list(expected)


def test_mexas_pivot_is_english_or_the_first_language():
    assert plan().corpora.pivot == "en"
    without = [code for code in LANGUAGES if code != "en"]
    targets = {"study__targets": ["es"], "study__alignment__languages": without}
    assert plan(**targets).corpora.pivot == "th"


def test_what_marks_texts_by_their_language_is_told_the_languages_that_it_reads():
    model = {"label": "NLLB", "path": "nllb", "k": 1, "architecture": "encoder_decoder"}
    there = plan(models__nllb=model, study__models=["demo", "nllb"])
    of_model, of_demo = (json.loads(there.slices.describe_model(name, None)) for name in ("nllb", "demo"))
    assert "languages" not in of_demo
    read = {code for dataset in there.corpora.names for code in there.corpora.languages_of(dataset)}
    assert set(of_model["languages"]) == read >= set(RAW["study"]["probing"]["languages"])
    assert of_model["languages"]["es"]["flores"] == "spa_Latn"
