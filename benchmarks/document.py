"""Write the tables of docs/performance.md anew, from `benchmarks/results`.

    python -m benchmarks.document

Each stands between two comments, `<!-- table: NAME -->` and `<!-- end -->`; what is around them is written by hand.
"""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.study import PUBLISHED_HOURS, paper_study

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/performance.md"
RESULTS = ROOT / "benchmarks/results"
GPU = "gpu"  # the results file of `make bench-gpu`, which stands apart
# Share of a card's peak that is assumed where its rates were not measured, and the peak of an H200 in bfloat16.
ASSUMED_SHARE = 0.4
H200_FLOP_PER_SECOND = 989e12


def document(page: str, results: dict[str, dict[str, Any]]) -> str:
    """The page with every table made anew from results by topic."""
    cpu = [record for topic in sorted(results) if topic != GPU for record in results[topic]["benchmarks"]]
    tables: dict[str, Callable[[], str]] = {
        "machine": lambda: _machines({topic: held for topic, held in results.items() if topic != GPU}),
        "ratios": lambda: _ratios(cpu),
        "limits": lambda: _limits(cpu),
        "rates": lambda: _rates(
            [record for topic in _beside_roofs(results) for record in results[topic]["benchmarks"]]
        ),
        "growth": lambda: _growth(cpu),
        "gpu": lambda: _gpu(results.get(GPU)),
        "study": _study,
    }
    return re.sub(
        r"(<!-- table: (\w+) -->\n).*?(\n<!-- end -->)",
        lambda found: f"{found[1]}\n{tables[found[2]]()}\n{found[3]}",
        page,
        flags=re.DOTALL,
    )


def read_results() -> dict[str, dict[str, Any]]:
    """What was measured, by topic."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}


def _beside_roofs(results: dict[str, dict[str, Any]]) -> list[str]:
    """The topics measured on the processor whose rates at most are known: shares of another's would say nothing."""
    here = results["machine"]["machine_info"]["processor"] if "machine" in results else None
    return [topic for topic in sorted(results) if topic != GPU and results[topic]["machine_info"]["processor"] == here]


def _machines(results: dict[str, dict[str, Any]]) -> str:
    described: dict[str, list[str]] = {}
    for topic, held in results.items():
        machine = dict(held["machine_info"])
        place = (
            f"{machine.pop('cores')} cores of {machine.pop('processor')}, {machine.pop('memory_gib'):.0f} GiB, "
            f"{machine.pop('system')}"
        )
        versions = ", ".join(f"{name} {version}" for name, version in machine.items() if version)
        described.setdefault(f"{place}; {versions}", []).append(topic)
    if len(described) == 1:
        return f"{next(iter(described))}."
    return "\n".join(f"- {', '.join(topics)}: {machine}." for machine, topics in described.items())


def _ratios(records: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            record["what"],
            record["beside"],
            record["quantity"],
            _value(record["ours"], record["unit"]),
            _value(record["peer"], record["unit"]),
            f"**{_number(record['ratio'])}×**" + _spread(record),
            f"{record['target']:.3g}×" + ("" if record["reached"] else ", missed"),
        )
        for record in _of_kind(records, "ratio")
    ]
    return _table(("what", "beside", "of", "ours", "theirs", "ratio", "aim"), rows) + _notes(records, "ratio")


def _limits(records: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            record["what"],
            _value(record["value"], record["unit"]),
            _value(record["bound"], record["unit"]) + ("" if record["reached"] else ", missed"),
        )
        for record in _of_kind(records, "limit")
    ]
    return _table(("what", "measured", "aim: at most"), rows) + _notes(records, "limit")


def _rates(records: Sequence[dict[str, Any]]) -> str:
    roofs: dict[tuple[str, str], float] = {}
    for record in _of_kind(records, "roof"):
        # Products run at a rate of their data type; a copy moves bytes, of whatever type.
        roof = record["unit"], record["dtype"] if record["unit"] == "FLOP" else ""
        roofs[roof] = max(record["per_second"], roofs.get(roof, 0.0))
    rows = [
        (record["what"], f"{_number(record['per_second'])} {record['unit']}/s", "", "")
        for record in _of_kind(records, "roof")
    ]
    for record in _of_kind(records, "rate"):
        bounds = {("FLOP", record["dtype"]): record["flop_per_second"], ("B", ""): record["bytes_per_second"]}
        rows.append(
            (
                record["what"],
                f"{_number(record['per_second'])} {record['unit']}/s",
                *(f"{value / roofs[roof]:.0%}" if value and roof in roofs else "" for roof, value in bounds.items()),
            )
        )
    return _table(("what", "rate", "of the matrix product", "of the copy"), rows)


def _growth(records: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            record["what"],
            record["against"],
            ", ".join(f"{point['size']:,}: {_value(point['value'], record['unit'])}" for point in record["points"]),
            f"{record['exponent']:.2f}",
        )
        for record in _of_kind(records, "growth")
    ]
    return _table(("what", "against", "measured", "exponent"), rows)


def _gpu(held: dict[str, Any] | None) -> str:
    if held is None:
        return "Not measured yet: no card was at hand."
    records = held["benchmarks"]
    machine = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in held["machine_info"].items() if value)
    failed = "\n".join(f"- failed: {record['what']} {record['error']}" for record in _of_kind(records, "error"))
    parts = [f"{machine}.", _ratios(records), _limits(records), _rates(records), _growth(records), failed]
    return "\n\n".join(part for part in parts if part)


def _study() -> str:
    """Operations of the paper's study, and hours at an assumed share of the peak; those measured are among `_gpu`."""
    done = paper_study()
    rows = [
        (work.model, work.stage, f"{work.sequences:,.0f}", _number(work.tokens), f"{work.flop:.2g}", _hours(work.flop))
        for work in done
    ]
    for model, published in PUBLISHED_HOURS.items():
        flop = sum(work.flop for work in done if work.model == model)
        rows.append((model, f"all; the paper took {published} h of A100", "", "", f"{flop:.2g}", _hours(flop)))
    flop = sum(work.flop for work in done)
    published = sum(PUBLISHED_HOURS.values())
    rows.append(("all", f"all; the paper took {published} h of A100", "", "", f"{flop:.2g}", _hours(flop)))
    whole = sum(work.flop for work in paper_study(standard_error=None))
    rows.append(("all", "all, with `perplexity.standard_error: null`", "", "", f"{whole:.2g}", _hours(whole)))
    assumed = f"hours of H200, if at {ASSUMED_SHARE:.0%} of its peak"
    return _table(("model", "stage", "sequences", "tokens", "FLOP", assumed), rows)


def _hours(flop: float) -> str:
    hours = flop / (ASSUMED_SHARE * H200_FLOP_PER_SECOND) / 3600
    return f"{hours:.1f}" if hours >= 0.05 else "< 0.1"


def _of_kind(records: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [record for record in records if record.get("kind") == kind]


def _notes(records: Sequence[dict[str, Any]], kind: str) -> str:
    notes = [f"- {record['what']}: {record['note']}" for record in _of_kind(records, kind) if record["note"]]
    return "\n\n" + "\n".join(dict.fromkeys(notes)) if notes else ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _spread(record: dict[str, Any]) -> str:
    if record["rounds"] == 1:
        return ""
    return f" ({_number(record['lowest'])}–{_number(record['highest'])})"


def _value(value: float, unit: str) -> str:
    """A value with its unit; times below a second in milliseconds or microseconds."""
    if unit == "s" or unit.startswith("s/"):
        for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
            if value * factor >= 1:
                return f"{_number(value * factor)} {name}{unit[1:].replace('/run', '')}"
    return f"{_number(value)} {unit}"


def _number(value: float) -> str:
    """Three significant digits, without exponents up to a million."""
    if value == 0:
        return "0"
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    PAGE.write_text(document(PAGE.read_text(), read_results()))
