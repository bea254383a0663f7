"""The measurements on a card: functions that yield records (`benchmarks.records`), in the order of `MEASUREMENTS`."""

import functools
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import torch

from benchmarks import records
from benchmarks.gpu import peers
from benchmarks.gpu.bench import (
    MAX_TOKENS,
    Bench,
    Record,
    data_sheet_flop,
    forget_peak,
    peak_gibibytes,
    windows_of,
)
from benchmarks.gpu.bloom import fused
from benchmarks.gpu.ranking import assert_same_ranking, rank_on_device
from benchmarks.gpu.study import PUBLISHED_HOURS, study_hours
from benchmarks.growth import exponent
from benchmarks.models import flores_like_lengths, flores_like_texts, sweep
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.models.batching import batches, encode
from workflow_scripts.neurons.activation_files import CHUNK
from workflow_scripts.neurons.extraction import record
from workflow_scripts.sweeps.generation import Sampling, Sentence, generate
from workflow_scripts.sweeps.perplexity import measure_perplexity, windows

# What a card has free: one of 24 GB, and the paper's, an A100 of 80 GB.
SMALL_CARD_GIB, PAPERS_CARD_GIB = 22.0, 74.0


def machine_limits(bench: Bench) -> Iterator[Record]:
    """Products of matrices and copies: what bounds everything else."""
    peak = data_sheet_flop(bench.device)
    if peak:
        yield records.rate("Product of bfloat16 matrices, by the data sheet", 1, peak, "FLOP") | {"kind": "roof"}
    size = bench.sizes.product
    left, right = (torch.randn(size, size, device=bench.device).to(torch.bfloat16) for _ in range(2))
    seconds = min(bench.seconds(lambda: [left @ right for _ in range(10)])[0])
    yield records.rate("Product of bfloat16 matrices", seconds, 20 * size**3, "FLOP") | {"kind": "roof"}
    source = torch.zeros(bench.sizes.copied, dtype=torch.uint8, device=bench.device)
    target = torch.empty_like(source)
    seconds = min(bench.seconds(lambda: [target.copy_(source) for _ in range(10)])[0])
    moved = 20 * bench.sizes.copied
    yield records.rate("Copy in the card's memory, bytes read and written", seconds, moved, "B") | {"kind": "roof"}
    pageable = torch.zeros(bench.sizes.copied, dtype=torch.uint8)
    hosts = {"pageable": pageable}
    if bench.device.type == "cuda":
        hosts["pinned"] = pageable.pin_memory()
    for name, host in hosts.items():
        for where, copy in (
            ("to the card", functools.partial(source.copy_, host)),
            ("from the card", functools.partial(host.copy_, source)),
        ):
            seconds = min(bench.seconds(copy)[0])
            yield records.rate(f"Copy {where}, {name} memory", seconds, bench.sizes.copied, "B")


def writing_of_responses(bench: Bench) -> Iterator[Record]:
    """Float16 responses to HDF5, laid out as in the stage's files, until they are on the disk."""
    neurons = bench.model.manifest.neurons
    rows = -(-bench.sizes.copied // (2 * neurons * CHUNK[0])) * CHUNK[0]
    held = np.random.default_rng(0).standard_normal((CHUNK[0], neurons), dtype=np.float32).astype(np.float16)
    chunks = CHUNK[0], min(CHUNK[1], neurons)

    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            dataset = file.create_dataset("max", (rows, neurons), held.dtype, chunks=chunks, fletcher32=True)
            for start in range(0, rows, CHUNK[0]):
                dataset[start : start + CHUNK[0]] = held
        with path.open("rb") as file:
            os.fsync(file.fileno())

    with tempfile.TemporaryDirectory() as folder:
        seconds = min(bench.seconds(lambda: write(Path(folder) / "responses.h5"))[0])
    yield records.rate("Writing responses to disk", seconds, rows * held[0].nbytes, "B")


def embeddings(bench: Bench) -> Iterator[Record]:
    """Rate and memory against the tokens of a batch; the best is kept for what follows."""
    flop = bench.flop(flores_like_lengths(bench.sizes.sentences))
    seconds, gibibytes = {}, {}
    for tokens_per_batch in bench.sizes.tokens_per_batch:
        forget_peak(bench.device)
        seconds[tokens_per_batch] = min(bench.seconds(lambda size=tokens_per_batch: bench.embed(size))[0])
        gibibytes[tokens_per_batch] = peak_gibibytes(bench.device)
        what = f"Embedding, {bench.title}, {tokens_per_batch:,} tokens a batch"
        yield bench.rate(what, seconds[tokens_per_batch], bench.tokens, flop)
    bench.tokens_per_batch = min(seconds, key=seconds.get)
    bench.flop_per_second["embeddings"] = flop / seconds[bench.tokens_per_batch]
    if bench.device.type == "cuda":
        points = [{"size": size, "value": value} for size, value in gibibytes.items()]
        yield {
            "kind": "growth",
            "what": f"Memory of embedding, {bench.title}",
            "against": "tokens a batch",
            "unit": "GiB",
            "points": points,
            "exponent": exponent(list(gibibytes), list(gibibytes.values())),
        }
        size = min(gibibytes)
        what = f"Memory of embedding, {bench.title}, {size:,} tokens a batch"
        yield records.limit(what, gibibytes[size], "GiB", SMALL_CARD_GIB, "The aim is to fit a card of 24 GB.")


def embeddings_beside_transformers(bench: Bench) -> Iterator[Record]:
    """Ours beside the loop that sentence-transformers runs."""

    def peer() -> np.ndarray:
        return peers.embed_in_batches_of_32(bench.model, bench.texts)

    peers.assert_same_directions(bench.embed(), peer())
    ours, theirs = bench.seconds(bench.embed, peer, done_before=True)
    yield records.ratio(
        f"Embedding, {bench.title}",
        "transformers, batches of 32 by length, as sentence-transformers has them",
        "time",
        "s/sentence",
        [seconds / len(bench.texts) for seconds in ours],
        [seconds / len(bench.texts) for seconds in theirs],
        target=1.5,
    )


def embeddings_intervened(bench: Bench) -> Iterator[Record]:
    """What forcing units costs."""
    condition = sweep(bench.model.manifest.sites, [bench.sizes.k])[0]

    def intervened() -> np.ndarray:
        with steer(bench.model, condition):
            return bench.embed()

    assert not np.allclose(intervened(), bench.embed(), atol=1e-2)
    base, changed = bench.seconds(bench.embed, intervened, done_before=True)
    what = f"Embedding with {bench.sizes.k:,} units forced, times that without, {bench.title}"
    yield records.limit(what, min(changed) / min(base), "×", 1.05)


def responses(bench: Bench) -> Iterator[Record]:
    """Recording of maxima, written as float16 to HDF5, and the bare passes of the same sentences."""
    texts = flores_like_texts(bench.sizes.recorded)
    lengths = flores_like_lengths(bench.sizes.recorded)
    passes = list(batches(encode(bench.model.tokenizer, texts, MAX_TOKENS), bench.tokens_per_batch, bench.model.pad_id))

    def bare() -> None:
        for batch in passes:
            bench.model.forward(batch)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "responses.h5"

        def recorded() -> None:
            with h5py.File(path, "w") as cell:
                record(cell, bench.model, texts, ["max"], MAX_TOKENS, "float16", bench.tokens_per_batch, "recording")

        forget_peak(bench.device)
        without, with_recording = map(min, bench.seconds(bare, recorded))
        with h5py.File(path, "r") as cell:
            assert cell["max"].shape == (len(texts), bench.model.manifest.neurons)
            assert cell["tokens"][:].tolist() == lengths[cell["row"][:]].tolist()
    flop = bench.flop(lengths)
    bench.flop_per_second["activations"] = flop / with_recording
    tokens = float(lengths.sum())
    yield bench.rate(f"Recording responses, {bench.title}", with_recording, tokens, flop)
    yield bench.rate(f"Bare passes, {bench.title}", without, tokens, flop)
    yield records.limit(
        f"Recording responses, times the bare passes, {bench.title}", with_recording / without, "×", 1.1
    )
    if bench.device.type == "cuda":
        what = f"Memory of recording responses, {bench.title}, {bench.tokens_per_batch:,} tokens a batch"
        yield records.limit(what, peak_gibibytes(bench.device), "GiB", PAPERS_CARD_GIB)


def generation(bench: Bench) -> Iterator[Record]:
    """A sweep over k, all conditions together, beside one `generate` after another."""
    sizes = bench.sizes
    sampling = Sampling(max_tokens=sizes.written, temperature=1.0, top_p=0.9, top_k=50)
    conditions = sweep(bench.model.manifest.sites, sizes.ks)
    draws = [(index, 0, number) for number in range(sizes.generated) for index in range(len(conditions))]

    def ours() -> list[Sentence]:
        return generate(bench.model, conditions, draws, sampling, bench.tokens_per_batch, "generating")

    def peer() -> list[tuple[float, float]]:
        return peers.generate_one_after_another(bench.model, conditions, sizes.generated, sampling)

    forget_peak(bench.device)
    mine, gibibytes = ours(), peak_gibibytes(bench.device)
    own = [math.log(sentence.own_perplexity) for sentence in mine]
    base = [math.log(sentence.perplexity) for sentence in mine]
    peers.assert_as_probable(own, base, peer())
    of_ours, of_peer = bench.seconds(ours, peer, done_before=True)
    yield records.ratio(
        f"Sweep of {len(conditions)} values of k, {sizes.generated} sentences each, {bench.title}",
        "one transformers `generate` a value of k",
        "time",
        "s/sentence",
        [seconds / len(draws) for seconds in of_ours],
        [seconds / len(draws) for seconds in of_peer],
        target=3,
    )
    tokens = sum(sentence.tokens for sentence in mine)
    # Every token is generated once and scored once more by the unintervened model.
    flop = 2 * bench.flop([1 + sentence.tokens for sentence in mine], head=tokens)
    bench.flop_per_second["generation"] = flop / min(of_ours)
    yield bench.rate(f"Generating and scoring, {bench.title}", min(of_ours), tokens, flop)
    if bench.device.type == "cuda":
        what = f"Memory of generating, {bench.title}, {bench.tokens_per_batch // sizes.written:,} sentences at a time"
        yield records.limit(what, gibibytes, "GiB", PAPERS_CARD_GIB)


def perplexity(bench: Bench) -> Iterator[Record]:
    """Strided windows, beside the recipe of transformers' documentation."""
    sizes = bench.sizes
    tokens = sizes.context + (sizes.windows - 1) * sizes.stride
    text = np.random.default_rng(0).integers(4, bench.model.vocabulary, tokens).tolist()

    whole = windows(tokens, sizes.context, sizes.stride)

    def ours() -> float:
        wanted = max(bench.tokens_per_batch, sizes.context)
        losses = measure_perplexity(bench.model, text, whole, wanted, "perplexity")
        return float(losses.sum() / sum(window.scored for window in whole))

    def peer() -> float:
        return peers.strided_log_perplexity(bench.model, text, sizes.context, sizes.stride)

    forget_peak(bench.device)
    mine, gibibytes = ours(), peak_gibibytes(bench.device)
    theirs = peer()
    # The recipe counts a token less in each window, and bfloat16 rounds either's sums in its own order.
    assert abs(mine - theirs) < 0.02 * theirs, (mine, theirs)
    of_ours, of_peer = bench.seconds(ours, peer, done_before=True)
    what = f"Perplexity, windows of {sizes.context:,} tokens every {sizes.stride:,}, {bench.title}"
    yield records.ratio(
        what,
        "recipe of transformers' documentation, a window at a time",
        "time",
        "s/window",
        [seconds / sizes.windows for seconds in of_ours],
        [seconds / sizes.windows for seconds in of_peer],
        target=1.5,
    )
    flop = bench.flop([sizes.context] * sizes.windows, head=tokens)
    bench.flop_per_second["perplexity"] = flop / min(of_ours)
    yield bench.rate(what, min(of_ours), sizes.windows * sizes.context, flop)
    if bench.device.type == "cuda":
        what = f"Memory of perplexity, {bench.title}, {bench.tokens_per_batch:,} tokens a batch"
        yield records.limit(what, gibibytes, "GiB", PAPERS_CARD_GIB)


def attention_kernels(bench: Bench) -> Iterator[Record]:
    """The architecture's kinds of attention, where it has more than one."""
    model = bench.model.model
    if not model._supports_sdpa:
        return
    chosen = model.config._attn_implementation
    windows = windows_of(bench)

    def passes(kind: str) -> None:
        model.set_attn_implementation(kind)
        bench.model.forward(windows)

    try:
        eager, sdpa = bench.seconds(lambda: passes("eager"), lambda: passes("sdpa"))
    finally:
        model.set_attn_implementation(chosen)
    yield records.ratio(
        f"Attention `sdpa` (loaded: `{chosen}`), windows of {bench.sizes.context:,} tokens, {bench.title}",
        "attention `eager`",
        "time",
        "s/window",
        [seconds / len(windows.rows) for seconds in sdpa],
        [seconds / len(windows.rows) for seconds in eager],
        target=1.0,
    )


def bloom_kernels(bench: Bench) -> Iterator[Record]:
    """BLOOM by torch's kernels for GELU and attention, beside transformers' own code."""
    if bench.model.model.config.model_type != "bloom":
        return
    windows = windows_of(bench)
    works = {"embedding": bench.embed, "windows": lambda: bench.model.forward(windows)}

    def by_kernels(work: Callable[[], object]) -> object:
        with fused(bench.model.model):
            return work()

    for name, work in works.items():
        one, other = (
            torch.as_tensor(found).flatten(0, -2).float().cpu().numpy() for found in (by_kernels(work), work())
        )
        peers.assert_same_directions(one, other, least=0.999 if name == "embedding" else 0.99)
        ours, peer = bench.seconds(functools.partial(by_kernels, work), work, done_before=True)
        amount = len(bench.texts) if name == "embedding" else len(windows.rows)
        yield records.ratio(
            f"Kernels of torch for GELU and attention, {name}, {bench.title}",
            "transformers' BLOOM",
            "time",
            "s/sentence" if name == "embedding" else "s/window",
            [seconds / amount for seconds in ours],
            [seconds / amount for seconds in peer],
            target=1.0,
        )


def compiled_model(bench: Bench) -> Iterator[Record]:
    """The same passes through a model that torch has compiled."""
    backbone, windows = bench.model.backbone, windows_of(bench)
    works = {"embedding": bench.embed, "windows": lambda: bench.model.forward(windows)}
    plain = bench.seconds(*works.values())
    backbone.compile(dynamic=True)
    try:
        started = time.perf_counter()
        for work in works.values():
            work()
        taken = time.perf_counter() - started
        compiled = bench.seconds(*works.values(), done_before=True)
    finally:
        backbone._compiled_call_impl = None
    for name, ours, peer in zip(works, compiled, plain, strict=True):
        yield records.ratio(
            f"Compiled model, {name}, {bench.title}",
            "the model as it is loaded",
            "time",
            "s",
            ours,
            peer,
            target=1.0,
            note=f"Compiling takes {taken:.0f} s more.",
        )


def ranking(bench: Bench) -> Iterator[Record]:
    """Statistics of every neuron for every language on the card, and beside it on all cores of the processor."""
    languages, sentences, neurons = bench.sizes.ranked
    generator = np.random.default_rng(0)
    held = generator.standard_normal((languages * sentences, neurons), dtype=np.float32).astype(np.float16)
    held += np.repeat(generator.normal(0, 0.3, (languages, neurons)), sentences, axis=0).astype(np.float16)
    counts = [sentences] * languages
    on_card = functools.partial(rank_on_device, held, counts, bench.device)
    yield records.rate(
        "Ranking in torch on the card, copies included", min(bench.seconds(on_card)[0]), neurons, "neuron"
    )
    try:
        from workflow_scripts.neurons.expertise import rank_statistics
    except ModuleNotFoundError:
        return
    threads = len(os.sched_getaffinity(0))
    groups = np.repeat(np.arange(languages), sentences)

    def on_processor():
        return rank_statistics(held, groups, languages, threads=threads)

    assert_same_ranking(on_card(), on_processor())
    seconds = min(bench.seconds(on_processor, done_before=True)[0])
    yield records.rate(f"Ranking as the stage does, {threads} threads of the processor", seconds, neurons, "neuron")


def whole_study(bench: Bench) -> Iterator[Record]:
    """Hours of this card for the paper's study, by the operations a second that were measured."""
    for model, hours in study_hours(bench.flop_per_second).items():
        told = ", ".join(f"{stage} {value:.2g} h" for stage, value in hours.items())
        yield records.limit(
            f"The paper's study with {model}, by the rates of {bench.title}",
            sum(hours.values()),
            "h",
            PUBLISHED_HOURS[model],
            note=f"{told}; the bound is the paper's, of an A100.",
        )


def profile(bench: Bench) -> Iterator[Record]:
    """What the card's time goes to; printed, not recorded."""
    windows = windows_of(bench)
    sampling = Sampling(max_tokens=bench.sizes.written, temperature=1.0, top_p=0.9, top_k=50)
    draws = [(0, 0, number) for number in range(bench.sizes.generated)]
    base = sweep(bench.model.manifest.sites, [0])
    works = {
        "embedding": bench.embed,
        "a batch of windows": lambda: bench.model.forward(windows),
        "generating": lambda: generate(bench.model, base, draws, sampling, bench.tokens_per_batch, "generating"),
    }
    activity = torch.profiler.ProfilerActivity
    kind, key = (activity.CUDA, "device") if bench.device.type == "cuda" else (activity.CPU, "cpu")
    for name, work in works.items():
        work()
        with torch.profiler.profile(activities=[kind]) as profiler:
            work()
        taken = {event: getattr(event, f"self_{key}_time_total") for event in profiler.key_averages()}
        total = sum(taken.values())
        print(f"{name}: {total / 1e3:.1f} ms", flush=True)
        for event in sorted(taken, key=taken.get, reverse=True)[:15]:
            share, milliseconds = taken[event] / total, taken[event] / 1e3
            print(f"{share:6.1%} {milliseconds:9.1f} ms {event.count:7} times {event.key[:100]}", flush=True)
    yield from ()


MEASUREMENTS = [
    machine_limits,
    embeddings,
    embeddings_beside_transformers,
    embeddings_intervened,
    responses,
    generation,
    perplexity,
    attention_kernels,
    bloom_kernels,
    ranking,
    writing_of_responses,
    whole_study,
]
