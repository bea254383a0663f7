"""A study's tables beside the published ones: with the paper's own numbers, with other models, and with odd files."""

import csv
import json
import math
from pathlib import Path
from statistics import mean

import pandas as pd
import pytest

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.paper import table_replication
from workflow_scripts.tables import layout

PUBLISHED = sorted((Path(__file__).parents[2] / "workflow_scripts/paper/printed").glob("table*.csv"))
PAPER = {path.stem: pd.read_csv(path) for path in PUBLISHED}
NAMES = {"bloom": "bloom-7b", "aya": "aya-8b", "polylm": "polylm-13b"}
MODELS = [{"name": name, "label": name.title(), "published": published} for name, published in NAMES.items()]
SPEC = {
    "models": MODELS,
    "poolings": ["max"],
    "similarity": "cosine",
    "measure": "pairs",
    "candidates_set": "seen",
}
NUMBERS = {
    "table1": ["mean", "sem"],
    "table2": ["r", "ci_low", "ci_high"],
    "table3": ["pre", "post", "mixed"],
    "table5": ["pre", "post", "mixed"],
    "table6": ["pre", "post", "mixed"],
    "table7": ["pre", "post"],
}
OTHER = 7.0  # in readings that are not compared


def study_tables(poolings=("max",)):
    """The published tables as the stages of a study would write them, with readings that are not compared."""
    made = {}
    for name, paper in PAPER.items():
        rows = paper.assign(model=paper["model"].map({published: own for own, published in NAMES.items()}))
        rows = pd.concat([rows.assign(pooling=pooling) for pooling in poolings], ignore_index=True)
        if name == "table1":
            made[name] = rows.assign(targets=5)
            continue
        rows = in_readings(rows, name, "similarity", "cosine", "inner_product")
        if name == "table2":
            rows = in_readings(rows, name, "measure", "pairs", "means")
            rows = in_readings(rows, name, "candidates_set", "seen", "all").assign(p_value=0.01, candidates=9)
        if name == "table6":
            rows = pd.concat([shifted(rows, name, by).assign(seed=seed) for seed, by in enumerate([-0.01, 0, 0.01])])
        if name == "table7":
            rows = in_readings(rows, name, "direction", "to_english", "from_english").assign(queries=9, candidates=9)
        made[name] = rows
    return made


def in_readings(rows, table, column, compared, other):
    """The rows in the reading that is compared, and with other numbers in another."""
    return pd.concat([shifted(rows, table, OTHER).assign(**{column: other}), rows.assign(**{column: compared})])


def shifted(rows, table, by):
    return rows.assign(**{number: rows[number] + by for number in NUMBERS[table]})


def run(folder, made, **changed):
    """Run the stage on tables; the rows of its CSV and the paths that it writes."""
    paths = []
    for name, rows in made.items():
        path = folder / f"{name}.csv"
        rows.to_csv(path, index=False)
        paths.append(str(path))
    outputs = {name: folder / f"replication.{name}" for name in layout.OUTPUTS}
    command = ["--spec", json.dumps({**SPEC, **changed}), "--tables", *paths]
    for name, path in outputs.items():
        command += [f"--{name}", str(path)]
    table_replication.main(command)
    with outputs["csv"].open(newline="") as file:
        return list(csv.DictReader(file)), outputs


@pytest.fixture(scope="module")
def replicated(tmp_path_factory):
    """The rows where a study gives just the paper's numbers."""
    return run(tmp_path_factory.mktemp("replicated"), study_tables())


def found(rows, **key):
    """The one row with these values."""
    (row,) = [row for row in rows if all(row[name] == value for name, value in key.items())]
    return row


def test_the_paper_s_own_numbers_replicate_every_cell_of_the_paper(replicated):
    rows, _ = replicated
    for name, paper in PAPER.items():
        of_table = [row for row in rows if row["table"] == name]
        assert len(of_table) == paper[NUMBERS[name]].size
        assert sorted(float(row["published"] or "nan") for row in of_table if row["published"]) == pytest.approx(
            sorted(paper[NUMBERS[name]].stack().dropna())
        )
    for row in rows:
        assert row["holds"] == row["holds_published"]
        if row["published"]:
            assert float(row["measured"]) == pytest.approx(float(row["published"]), abs=1e-12)
            assert float(row["difference"]) == pytest.approx(0, abs=1e-12)
        else:
            assert row["measured"] == row["difference"] == ""


def published_cell(row):
    """The published number of a row, by loops over the published file."""
    for cell in PAPER[row["table"]].to_dict("records"):
        keys = [name for name in ("dataset", "role", "metric", "query", "correlation", "target") if name in cell]
        if cell["model"] == NAMES[row["model"]] and all(cell[name] == row[name] for name in keys):
            if row["table"] == "table1":
                if cell["space"] == row["space"]:
                    return cell[row["statistic"]]
            else:
                return cell[row["statistic"] if row["table"] == "table2" else row["space"]]
    raise AssertionError(f"not in the paper: {row}")


def test_every_number_stands_beside_its_own_published_one(replicated):
    rows, _ = replicated
    for row in rows:
        assert float(row["published"] or "nan") == pytest.approx(published_cell(row), nan_ok=True)
        cells = [published_cell({**row, "model": model}) for model in NAMES]
        there = [cell for cell in cells if not math.isnan(cell)]
        assert [float(row["published_low"]), float(row["published_high"])] == [min(there), max(there)]


def claimed(cells):
    """What holds in a row of the paper, by plain comparisons: by space and statistic."""
    if "r" in cells:
        r, low, high = cells["r"], cells["ci_low"], cells["ci_high"]
        return {
            "acc_post~d_post": ("r < 0", r < 0),
            "acc_pre~d_pre": ("r < 0", r < 0),
            "d_post~d_pre": ("r > 0", r > 0),
            "delta_acc~delta_d": ("the interval of r holds 0", low <= 0 <= high),
        }[cells["correlation"]]
    raise AssertionError(cells)


def test_claims_are_decided_as_plain_comparisons_of_the_published_numbers(replicated):
    rows, _ = replicated
    said = {True: "yes", False: "no"}
    for cells in PAPER["table2"].to_dict("records"):
        key = {"query": cells["query"], "correlation": cells["correlation"], "statistic": "r"}
        row = found(rows, model=own(cells["model"]), **key)
        phrase, holds = claimed(cells)
        assert row["claim"] == phrase
        assert row["holds_published"] == ("undefined" if math.isnan(cells["r"]) else said[holds])
    for table in ("table3", "table5", "table6", "table7"):
        for cells in PAPER[table].to_dict("records"):
            key = {"table": table, "model": own(cells["model"]), "target": cells["target"]}
            key |= {"dataset": cells["dataset"]} if "dataset" in cells else {}
            row = found(rows, **key, space="post")
            if table == "table7":
                assert (row["claim"], row["holds"]) == ("post > pre", said[cells["post"] > cells["pre"]])
                continue
            change = round(cells["post"] - cells["pre"], 2)
            assert (row["claim"], row["holds"]) == ("|post - pre| <= 0.05", said[abs(change) <= 0.05])
            mixed = found(rows, **key, space="mixed")
            expected = ("", "") if table == "table6" else ("mixed < pre", said[cells["mixed"] < cells["pre"]])
            assert (mixed["claim"], mixed["holds"]) == expected
    for row in rows:
        if row["table"] == "table1":
            post = (row["space"], row["statistic"]) == ("post", "mean")
            assert (row["claim"], row["holds"]) == (("post < pre", "yes") if post else ("", ""))
        if row["space"] == "pre" or row["statistic"] in ("sem", "ci_low", "ci_high"):
            assert row["claim"] == row["holds"] == row["holds_published"] == ""


def own(published):
    return next(name for name, other in NAMES.items() if other == published)


def test_claims_that_the_paper_s_own_numbers_break_are_told(replicated):
    rows, _ = replicated
    broken = {
        (row["table"], row["model"], row["target"] or row["query"], row["correlation"])
        for row in rows
        if row["holds_published"] == "no"
    }
    assert {
        ("table2", "aya", "fr", "delta_acc~delta_d"),
        ("table2", "bloom", "ja", "d_post~d_pre"),
        ("table5", "bloom", "ja", ""),
        ("table6", "aya", "en", ""),
        ("table6", "bloom", "fr", ""),
    } <= broken
    assert not any(model == "polylm" for _, model, _, _ in broken)


def test_a_measured_number_can_break_a_claim_that_the_published_one_obeys(tmp_path):
    made = {"table7": study_tables()["table7"].assign(post=0.0)}
    rows, _ = run(tmp_path, made)
    row = found(rows, dataset="bucc18", model="aya", target="de", space="post")
    assert (row["holds"], row["holds_published"]) == ("no", "yes")
    assert float(row["difference"]) == pytest.approx(-0.332)


def test_a_model_that_the_paper_has_not_stands_beside_the_range_over_its_models(tmp_path):
    bloom = [{"name": "bloom", "label": "Small BLOOM"}]
    rows, outputs = run(tmp_path, study_tables(), models=bloom)
    assert {row["model"] for row in rows} == {"bloom"}
    assert {row["published"] for row in rows} == {row["difference"] for row in rows} == {""}
    row = found(rows, table="table3", space="mixed")
    assert [float(row[name]) for name in ("measured", "published_low", "published_high")] == [0.33, 0.33, 0.64]
    assert (row["holds"], row["holds_published"]) == ("yes", "3 of 3")
    assert found(rows, table="table6", target="fr", space="post")["holds_published"] == "1 of 3"
    undefined = found(rows, query="ja", correlation="acc_pre~d_pre", statistic="r")
    assert (undefined["holds"], undefined["holds_published"]) == ("undefined", "2 of 2")
    assert "none of the paper's" in outputs["markdown"].read_text()


def test_where_the_paper_contradicts_itself_a_note_says_so(replicated):
    rows, _ = replicated
    noted = {
        (row["table"], row["model"], row["target"] or row["query"], row["correlation"]) for row in rows if row["note"]
    }
    assert noted == {
        ("table2", "bloom", "ja", "acc_pre~d_pre"),
        ("table2", "bloom", "ja", "d_post~d_pre"),
        ("table3", "polylm", "es", ""),
        ("table5", "polylm", "fr", ""),
        ("table5", "polylm", "ja", ""),
        ("table6", "polylm", "es", ""),
        ("table6", "polylm", "fr", ""),
        ("table6", "polylm", "ja", ""),
    }
    assert all(row["space"] == "pre" for row in rows if row["note"] and row["table"] != "table2")
    note = found(rows, table="table6", model="polylm", target="ja", space="pre")["note"]
    assert "0.57 in Table 5 and 0.60 in Table 6" in note
    assert "NA" in found(rows, model="bloom", query="ja", correlation="acc_pre~d_pre", statistic="r")["note"]


def test_random_neurons_are_compared_by_their_mean_over_seeds(tmp_path):
    made = study_tables()["table6"]
    chosen = made[(made["model"] == "aya") & (made["target"] == "de") & (made["similarity"] == "cosine")]
    rows, _ = run(tmp_path, {"table6": made.assign(post=made["post"] + made["seed"] / 10)})
    expected = mean(post + seed / 10 for post, seed in zip(chosen["post"], chosen["seed"], strict=True))
    assert float(found(rows, model="aya", target="de", space="post")["measured"]) == pytest.approx(expected)


def test_a_target_that_the_paper_puts_in_another_paraphrase_table_is_found_there(tmp_path):
    made = study_tables()
    german = made["table5"][made["table5"]["target"] == "de"]
    rows, _ = run(tmp_path, {"table3": german, "table5": made["table3"]})
    assert found(rows, table="table3", model="aya", space="mixed")["published"] == "0.62"
    assert found(rows, table="table5", model="aya", space="mixed")["published"] == "0.64"


def test_a_target_that_the_paper_has_not_has_no_published_number(tmp_path):
    made = study_tables()["table5"].replace({"target": {"de": "it"}})
    rows, _ = run(tmp_path, {"table5": made})
    for row in rows:
        beside = [row[name] for name in ("published", "published_low", "published_high", "difference")]
        assert (beside == [""] * 4) is (row["target"] == "it")
    assert found(rows, model="aya", target="it", space="post")["holds_published"] == ""


def test_rows_are_in_the_order_of_tables_models_and_poolings_and_each_pooling_is_compared(tmp_path):
    rows, outputs = run(tmp_path, study_tables(["mean", "max", "last"]), poolings=["max", "mean"])
    order = list(dict.fromkeys((row["table"], row["model"], row["pooling"]) for row in rows))
    assert order == [(table, model, pooling) for table in PAPER for model in NAMES for pooling in ("max", "mean")]
    shown = [row[2].text for row in layout.read(outputs["json"]).rows]
    assert set(shown) == {"max", "mean"}


def test_the_table_shows_every_cell_beside_the_papers(tmp_path):
    made = study_tables()
    made["table1"] = shifted(made["table1"], "table1", 0.25)
    made["table7"] = made["table7"].assign(post=0.0)
    rows, outputs = run(tmp_path, made)
    shown = layout.read(outputs["json"])
    main = [row for row in rows if row["statistic"] in ("mean", "accuracy", "r")]
    assert len(shown.rows) == len(main)
    for row, cells in zip(main, shown.rows, strict=True):
        decimals = 3 if row["table"] == "table7" else 2
        numbers = [f"{float(row[name]):z.{decimals}f}" if row[name] else "–" for name in ("measured", "difference")]
        assert [cells[0].text, cells[1].text] == [row["table"].removeprefix("table"), row["model"].title()]
        assert cells[2].text in row["cell"]
        assert [cells[3].text, cells[5].text] == numbers
        assert [cell.text for cell in cells[6:]] == [row["claim"], row["holds"], row["holds_published"]]
    held = sum(row["holds"] == "yes" for row in main)
    decided = sum(row["holds"] in ("yes", "no") for row in main)
    assert held < decided
    assert f"{held} of {decided} here" in shown.caption
    assert len(outputs["markdown"].read_text().splitlines()) > len(main)


def test_the_range_over_the_papers_models_is_shown_where_the_model_is_none_of_them(tmp_path):
    _, outputs = run(tmp_path, study_tables(), models=[{"name": "bloom", "label": "Small BLOOM"}])
    shown = {(row[0].text, row[2].text): row for row in layout.read(outputs["json"]).rows}
    mixed = next(row for (table, cell), row in shown.items() if table == "3" and "mixed" in cell)
    assert (mixed[3].text, mixed[4].text, mixed[5].text) == ("0.33", "0.33 to 0.64", "–")


def test_equal_tables_give_equal_bytes(tmp_path):
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        _, outputs = run(tmp_path / name, study_tables())
        contents.append([path.read_bytes() for path in outputs.values()])
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"similarity": "margin"}, r"table2.csv holds no similarity margin"),
        ({"measure": "aligned"}, r"table2.csv holds no measure aligned"),
    ],
)
def test_a_reading_that_a_table_has_not_is_refused(changed, message, tmp_path):
    with pytest.raises(StudyError, match=message):
        run(tmp_path, {"table2": study_tables()["table2"]}, **changed)


def test_a_table_with_other_columns_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"table3.csv has no column target"):
        run(tmp_path, {"table3": study_tables()["table3"].drop(columns="target")})


def test_two_rows_for_one_cell_are_refused(tmp_path):
    made = study_tables()
    for name in ("table1", "table3", "table6"):
        with pytest.raises(StudyError, match=rf"{name}.csv has two rows for"):
            run(tmp_path, {name: pd.concat([made[name], made[name]])})


def test_a_file_that_is_none_of_the_tables_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"table4.csv.*not the name of a table"):
        run(tmp_path, {"table4": study_tables()["table3"]})


def test_a_model_that_is_said_to_be_one_the_paper_has_not_is_refused(tmp_path):
    models = [{"name": "bloom", "label": "Bloom", "published": "bloom7b"}]
    with pytest.raises(StudyError, match=r"models.bloom.published: the paper has no bloom7b; give one of aya-8b"):
        run(tmp_path, {"table3": study_tables()["table3"]}, models=models)


def test_the_same_table_twice_is_refused():
    with pytest.raises(StudyError, match="are the same table"):
        table_replication.read_tables([*PUBLISHED, PUBLISHED[0]])
