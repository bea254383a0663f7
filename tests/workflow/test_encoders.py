"""A study of an encoder and an encoder-decoder alone: everything is made but perplexity, generation and Figure 2."""

import re
import shutil

import pandas as pd
import pytest
import yaml
from running import copy_repository, run_snakemake
from tiny_encoders import save_mt5, save_xlmr

pytestmark = pytest.mark.slow

OVERLAY = {
    "study": {
        "models": ["xlm-r", "mt5"],
        "targets": ["es"],
        "alignment": {"dataset": "tiny-devtest", "languages": ["de", "en", "es", "ru"]},
        "mining": None,  # translation, which is by the same code, is there
    },
    "models": {
        "xlm-r": {"label": "Tiny XLM-R", "architecture": "encoder", "path": "xlm-r", "k": 5, "neurons": 160},
        "mt5": {"label": "Tiny mT5", "architecture": "encoder_decoder", "path": "mt5", "k": 5, "neurons": 256},
    },
    "random_control": {"seeds": [0]},
    "sweep": {"ks": [0, 1000]},  # more than there are neurons, but nothing is swept
    "compute": {"device": "cpu", "threads": 1},
}
WHAT = {"xlm-r": "an encoder", "mt5": "an encoder-decoder, of which the encoder alone is measured"}
REASON = f"Perplexity and generation are left out for Tiny XLM-R ({WHAT['xlm-r']}) and Tiny mT5 ({WHAT['mt5']})."
CONFIGS = ("--configfile", "tiny.yaml", "encoders.yaml")


@pytest.fixture(scope="module")
def encoders(finished, tmp_path_factory):
    """The folder of the finished study."""
    folder = copy_repository(tmp_path_factory.mktemp("encoders") / "study")
    sentences = pd.read_parquet(finished / "results/texts/tiny-dev.parquet")["text"].tolist()
    save_xlmr(folder / "xlm-r", sentences)
    save_mt5(folder / "mt5", sentences)
    tiny = yaml.safe_load((folder / "tiny.yaml").read_text())
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**tiny, "methods": {}}))
    (folder / "encoders.yaml").write_text(yaml.safe_dump(OVERLAY))
    run_snakemake(folder, "--cores", "2", *CONFIGS)
    yield folder
    shutil.rmtree(folder)


def test_everything_but_what_needs_text_is_there_and_the_report_says_so(encoders):
    results = encoders / "results"
    for name in ["table1", "table2", "table3", "table4", "table6", "table7", "centred", "abx", "claims", "replication"]:
        assert (results / f"{name}.csv").stat().st_size > 0
    numbers = [1, 3, 4, 5, 6, 7, 27, 28, 30, 31]
    assert sorted(path.name for path in results.glob("figure*.pdf")) == sorted(f"figure{n}.pdf" for n in numbers)
    assert not (results / "sweeps").exists()
    report = re.sub(r"\s+", " ", (results / "report.html").read_text())
    assert f"{REASON} So there is no Figure 2." in report
    assert REASON in (results / "claims.md").read_text() and REASON in (results / "compute.md").read_text()
    claims = pd.read_csv(results / "claims.csv").set_index(["claim", "model"])
    for model, what in {
        "xlm-r": "an encoder",
        "mt5": "an encoder-decoder, of which the encoder alone is measured",
    }.items():
        claim = claims.loc[("perplexity_is_higher", model)]
        assert (claim["holds"], claim["measured"]) == ("undefined", f"the model writes no text: it is {what}")
    assert set(pd.read_csv(results / "table1.csv")["model"]) == {"xlm-r", "mt5"}
    stages = set(pd.read_csv(results / "compute.csv")["stage"])
    assert {"activations", "embeddings"} <= stages and not {"generation", "perplexity"} & stages


NO_FIGURE = f"This study has no Figure 2. {REASON}"
REFUSED = {
    "figure2.pdf": NO_FIGURE,
    "figures/sweep.pdf": NO_FIGURE,
    "sweeps/xlm-r/es-max/perplexity.csv": "Perplexity and generation are left out for Tiny XLM-R (an encoder).",
    "sweeps/mt5/es-max/language_id.csv": "Perplexity and generation are left out for Tiny mT5 (an encoder-decoder",
}


@pytest.mark.parametrize("path", REFUSED)
def test_what_needs_text_is_refused_by_name(encoders, path):
    refused = run_snakemake(encoders, "-n", f"results/{path}", *CONFIGS, check=False)
    assert refused.returncode == 1
    assert REFUSED[path] in refused.stdout
