"""What a benchmark records, as plain data, and how a record reads in a line.

Every record has `kind` and `what`. A `ratio` compares ours with a peer; a `limit` is a value of ours that is to stay
below a bound; a `growth` is a value of ours at several sizes; a `rate` is work done in a time, to be set against what
the machine could do at most; a `roof` is that most.
"""

from collections.abc import Iterator
from typing import Any


def ratio(
    what: str,
    beside: str,
    quantity: str,
    unit: str,
    ours: list[float],
    peer: list[float],
    target: float,
    note: str = "",
) -> dict[str, Any]:
    """A comparison; `ours` and `peer` hold a value a round, the less the better, in `unit`."""
    ratios = sorted(theirs / own for own, theirs in zip(ours, peer, strict=True))
    middle = _median(ratios)
    return {
        "kind": "ratio",
        "what": what,
        "beside": beside,
        "quantity": quantity,
        "unit": unit,
        "ours": _median(ours),
        "peer": _median(peer),
        "ratio": middle,
        "lowest": ratios[0],
        "highest": ratios[-1],
        "rounds": len(ratios),
        "target": target,
        "reached": middle >= target,
        "note": note,
    }


def limit(what: str, value: float, unit: str, bound: float, note: str = "") -> dict[str, Any]:
    """A value of ours, the less the better, and what it is to stay below."""
    return {
        "kind": "limit",
        "what": what,
        "value": value,
        "unit": unit,
        "bound": bound,
        "reached": value <= bound,
        "note": note,
    }


def rate(
    what: str, seconds: float, amount: float, unit: str, flop: float = 0.0, moved: float = 0.0, dtype: str = "float32"
) -> dict[str, Any]:
    """So much of `unit` done in so many seconds; at least `flop` operations of `dtype` or `moved` bytes are needed."""
    return {
        "kind": "rate",
        "what": what,
        "per_second": amount / seconds,
        "unit": unit,
        "flop_per_second": flop / seconds,
        "bytes_per_second": moved / seconds,
        "dtype": dtype,
    }


def describe(record: dict[str, Any]) -> Iterator[str]:
    """A record in a line or a few."""
    match record.get("kind"):
        case "ratio":
            reached = "reached" if record["reached"] else "NOT reached"
            yield (
                f"{record['what']}, {record['quantity']} beside {record['beside']}: {record['ratio']:.3g}x "
                f"({record['lowest']:.3g} to {record['highest']:.3g}; {record['ours']:.3g} against "
                f"{record['peer']:.3g} {record['unit']}); aim {record['target']:g}x: {reached}"
            )
        case "limit":
            reached = "kept" if record["reached"] else "NOT kept"
            yield f"{record['what']}: {record['value']:.3g} {record['unit']}; at most {record['bound']:g}: {reached}"
        case "growth":
            points = ", ".join(f"{point['size']:,}: {point['value']:.3g}" for point in record["points"])
            yield (
                f"{record['what']} against {record['against']} [{record['unit']}]: {points}; "
                f"exponent {record['exponent']:.2f}"
            )
        case "rate":
            yield f"{record['what']}: {record['per_second']:.4g} {record['unit']}/s"
        case "roof":
            yield f"{record['what']}: {record['per_second']:.4g} {record['unit']}/s"


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
