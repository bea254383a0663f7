"""The workflow as a module of another one, which runs in a folder of its own and has rules of its own."""

import subprocess
import sys
from pathlib import Path

from running import ENVIRONMENT, ROOT, SMALLEST, copy_repository

from workflow_scripts.texts.schema import read_part

IMPORTER = """
import yaml

configfile: "ours.yaml"

module steering:
    snakefile: {snakefile!r}
    config: config

use rule * from steering as steering_*

rule counted:
    default_target: True
    input: "results/texts/tiny-devtest.parquet"
    output: "counted.txt"
    shell: "wc -c < {{input}} > {{output}}"
"""


def test_the_snakefile_runs_as_a_module_of_another_workflow(tmp_path):
    repository = copy_repository(tmp_path / "a repository")
    other = tmp_path / "other"
    (other / "workflow").mkdir(parents=True)
    (other / "workflow/Snakefile").write_text(IMPORTER.format(snakefile=str(repository / "Snakefile")))
    (other / "ours.yaml").write_bytes(SMALLEST.read_bytes())
    snakemake = [Path(sys.executable).parent / "snakemake", "--cores", "1"]
    done = subprocess.run(snakemake, cwd=other, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-6000:]
    ids, texts = read_part(other / "results/texts/tiny-devtest.parquet", "es", "sentence")
    assert len(ids) == len(texts) == 20
    assert int((other / "counted.txt").read_text()) == (other / "results/texts/tiny-devtest.parquet").stat().st_size
    assert not (repository / "results").exists()


def test_the_prefix_of_a_module_is_refused(tmp_path):
    snakefile = IMPORTER.replace("    config: config", '    config: config\n    prefix: "elsewhere"')
    (tmp_path / "Snakefile").write_text(snakefile.format(snakefile=str(ROOT / "Snakefile")))
    (tmp_path / "ours.yaml").write_bytes(SMALLEST.read_bytes())
    snakemake = [Path(sys.executable).parent / "snakemake", "-n"]
    done = subprocess.run(snakemake, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "leave it out, and set `results` in the config" in done.stdout
