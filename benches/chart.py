#!/usr/bin/env python3
"""Draws ../src/guide/peers.svg from results.json, which `cargo bench` writes here: the median time of each crate over ours.

The long body is left out, because there the hash is nearly all that anyone's time goes into.
"""

import json
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
CHART = HERE.parent / "src/guide/peers.svg"
CASES = ["empty GET", "200-byte POST"]
SIDES = [("client", "A client signs a request"), ("server", "A server verifies a request")]
OURS = "tower-logentries-auth"
WIDTH, LEFT, RIGHT, BAR, GAP = 900, 190, 80, 18, 7
# A card of its own colour reads the same on white and on dark.
CARD, BORDER, INK, MUTED, ACCENT, BARS = "#ffffff", "#c8ccd1", "#1f2328", "#59636e", "#0b6e63", "#9aa1a9"


def main():
    results = json.loads((HERE / "results.json").read_text())
    longest = max(result["ratio"] for result in results if result["case"] in CASES)
    scale = (WIDTH - LEFT - RIGHT) / longest
    drawn, y = [], 34
    for side, title in SIDES:
        drawn.append(text(20, y, title, size=15, weight="bold"))
        y += 26
        for case in CASES:
            rows = [result for result in results if (result["side"], result["case"]) == (side, case)]
            drawn.append(text(20, y, case, fill=MUTED))
            y += 10
            for row in sorted(rows, key=lambda row: row["ratio"]):
                drawn += bar(y, row, scale)
                y += BAR + GAP
            y += 18
        y += 10
    drawn.append(text(20, y, "Times of one run over ours, medians; the schemes differ. See benches/.", fill=MUTED, size=12))
    CHART.write_text(card(y + 20, results, drawn))


def bar(y, row, scale):
    is_ours = row["crate"] == OURS
    length = max(row["ratio"] * scale, 1)
    value = f"{row['median_ns'] / 1000:.1f} µs" if is_ours else f"{row['ratio']:.1f} times"
    middle = y + BAR - 5
    return [
        text(LEFT - 10, middle, row["crate"], anchor="end", size=12.5, weight="bold" if is_ours else "normal"),
        f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{ACCENT if is_ours else BARS}"/>',
        text(LEFT + length + 8, middle, value, size=12.5),
    ]


def text(x, y, words, anchor="start", size=13, weight="normal", fill=INK):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'font-family="sans-serif" fill="{fill}">{escape(words)}</text>'
    )


def card(height, results, drawn):
    """In one line each, without an empty one: Markdown would end the picture there."""
    label = "; ".join(
        f"{row['side']}, {row['case']}: {row['crate']} {row['ratio']:.1f}" for row in results if row["case"] in CASES
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'style="max-width: 100%; height: auto" role="img" aria-label="Time over ours. {escape(label)}">',
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8" fill="{CARD}" stroke="{BORDER}"/>',
        *drawn,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


main()
