"""What holds of all stages."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAGES = sorted(path.stem for path in (ROOT / "workflow_scripts").glob("[a-z]*.py"))
RUNNING_MODELS = {
    "activations", "convert_gguf", "embeddings", "evaluate_model", "generation", "model", "perplexity", "train_model",
}  # fmt: skip


def test_stages_that_run_no_model_import_no_torch():
    modules = [f"workflow_scripts.{name}" for name in STAGES if name not in RUNNING_MODELS]
    assert len(modules) > 20
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "umap", "sklearn"} & set(imported.stdout.split())
