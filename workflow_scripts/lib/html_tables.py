"""A table as HTML that a reader can sort."""

import jinja2

from workflow_scripts.lib import tables

PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ table.title }}</title>
<style>
:root { color-scheme: light; }
body { margin: 2.5rem auto; max-width: 72rem; padding: 0 1.5rem; background: #fff; color: #1f2328;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { margin: 0 0 1rem; font-size: 1.25rem; font-weight: 600; }
figure { margin: 0; }
figure div { overflow-x: auto; }
figcaption { margin-top: 0.75rem; max-width: 48rem; color: #59636e; font-size: 0.875rem; }
table { border-collapse: collapse; border-block: 2px solid #1f2328; font-variant-numeric: tabular-nums; }
th, td { padding: 0.28rem 0.75rem; text-align: right; white-space: nowrap; font-weight: normal; }
th.label { text-align: left; }
thead th { padding: 0; border-bottom: 1px solid #1f2328; font-weight: 600; }
thead th.group { padding: 0.28rem 0.75rem; border-bottom: 1px solid #d1d9e0; text-align: center; }
thead th.group:empty { border-bottom: none; }
thead button { all: unset; box-sizing: border-box; width: 100%; padding: 0.28rem 0.75rem; cursor: pointer; }
thead button:hover { background: #f6f8fa; }
thead button:focus-visible { outline: 2px solid #0969da; outline-offset: -2px; }
thead button::after { content: "↕"; margin-left: 0.4em; color: #c4cbd2; }
th[aria-sort="ascending"] button::after { content: "↑"; color: inherit; }
th[aria-sort="descending"] button::after { content: "↓"; color: inherit; }
tbody tr:hover { background: #f6f8fa; }
table:not(:has([aria-sort])) tbody tr.first:not(:first-child) > * { border-top: 1px solid #d1d9e0; }
.gray { color: #848d97; }
</style>
</head>
<body>
<h1>{{ table.title }}</h1>
<figure>
<div>
<table>
<thead>
{% if spans %}
<tr>
{% for group, first, last in spans %}
<th class="group" colspan="{{ last - first + 1 }}"{% if group %} scope="colgroup"{% endif %}>{{ group }}</th>
{% endfor %}
</tr>
{% endif %}
<tr>
{% for column in table.columns %}
<th scope="col"{% if loop.index0 < table.labels %} class="label"{% endif %}><button type="button">{{ column.text }}\
</button></th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for row in table.rows %}
<tr{% if table.labels > 1 and loop.changed(row[0].text) %} class="first"{% endif %}>
{% for cell in row %}
{% set tag = "th" if loop.index0 < table.labels else "td" %}
<{{ tag }}{% if tag == "th" %} scope="row" class="label"{% elif cell.gray %} class="gray"{% endif %}\
{% if cell.value is not none %} data-value="{{ cell.value }}"{% endif %}>{{ cell.text }}</{{ tag }}>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
<figcaption>{{ sentences | join(" ") }} Click a column's header to sort by it.</figcaption>
</figure>
<script>
// A header's button sorts upwards, then downwards, then brings the first order back. Undefined values come last.
const body = document.querySelector("tbody");
const rows = Array.from(body.rows);
const headers = Array.from(document.querySelectorAll("thead tr:last-child th"));
const next = { ascending: "descending", descending: "none", none: "ascending" };
function compare(left, right, sign) {
  if (left.dataset.value === undefined || right.dataset.value === undefined) {
    return sign * left.textContent.localeCompare(right.textContent);
  }
  const [a, b] = [Number(left.dataset.value), Number(right.dataset.value)];
  return Number.isNaN(a) || Number.isNaN(b) ? Number.isNaN(a) - Number.isNaN(b) : sign * (a - b);
}
headers.forEach((header, column) => header.querySelector("button").addEventListener("click", () => {
  const order = next[header.getAttribute("aria-sort") || "none"];
  headers.forEach((other) => other.removeAttribute("aria-sort"));
  const sorted = rows.slice();
  if (order !== "none") {
    header.setAttribute("aria-sort", order);
    sorted.sort((a, b) => compare(a.cells[column], b.cells[column], order === "ascending" ? 1 : -1));
  }
  body.append(...sorted);
}));
</script>
</body>
</html>
""")


def as_html(table: tables.Table) -> str:
    """The table as a page of its own that needs nothing else; a click on a header sorts."""
    return PAGE.render(table=table, spans=tables.spans(table.columns), sentences=tables.sentences(table, "Gray"))
