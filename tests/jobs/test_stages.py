"""What holds of all stages."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from workflow_scripts.jobs.stages import find_stages

ROOT = Path(__file__).parents[2]
STAGES = find_stages(ROOT / "workflow_scripts")
# Or tokenizing as they do.
RUNNING_MODELS = {
    "count_active_tokens", "record_responses", "fit_by_layer", "convert_gguf", "embed_sentences", "export_model",
    "evaluate_model", "generate_texts", "average_states", "describe_model", "measure_perplexity",
    "score_transfer", "compare_subwords", "train_tokenizer", "train_model", "embed_words", "preflight",
}  # fmt: skip
TRAINING_PROBES = {"probe_words"}


def test_stages_that_run_no_model_import_no_torch():
    modules = [module for name, module in STAGES.items() if name not in RUNNING_MODELS | TRAINING_PROBES]
    assert len(modules) > 20
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "umap", "sklearn"} & set(imported.stdout.split())


def test_modules_that_are_no_stages_do_not_import_the_command_line():
    """Save for those that make the command lines of tables and figures: anyone can import the others."""
    modules = sorted((ROOT / "workflow_scripts").rglob("*.py"))
    importing = [
        module
        for module in modules
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.ImportFrom) and f"{node.module}.{node.names[0].name}" == "workflow_scripts.jobs.stage"
    ]
    others = [str(each.relative_to(ROOT)) for each in importing if each not in map(path_of, STAGES.values())]
    assert others == ["workflow_scripts/figures/run.py", "workflow_scripts/tables/run.py"]


def path_of(module):
    return ROOT / f"{module.replace('.', '/')}.py"


def run_failing(code, **options):
    """Run a stage whose `main` is this code, in a process of its own."""
    whole = f"from workflow_scripts.jobs import errors, hdf5, stage\ndef main():\n    {code}\nstage.run(main)\n"
    return subprocess.run([sys.executable, "-c", whole], cwd=ROOT, capture_output=True, text=True, **options)


def test_a_damaged_input_is_put_aside_so_that_it_is_made_anew(tmp_path):
    path = tmp_path / "es.h5"
    path.write_text("no HDF5")
    failed = run_failing(f"hdf5.opened({str(path)!r}).__enter__()")
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"\nerror: {path} is damaged (")
    assert f"put aside as {path}.damaged. The same command makes it anew." in failed.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["es.h5.damaged"]


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("errors.StudyError('k is too large; lower it.')", "k is too large; lower it."),
        ("errors.FullDisk('results/a.h5')", "no space is left to write results/a.h5"),
        ("Exception('No space left on device (os error 28)')", "no space is left to write on a disk that this job"),
        ("ValueError('a mistake of ours')", "ValueError: a mistake of ours"),
    ],
)
def test_a_log_ends_with_the_cause(raised, told):
    failed = run_failing(f"raise {raised}")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith(f"error: {told}")
    assert ("Traceback" in failed.stderr) == ("ValueError" in raised)
