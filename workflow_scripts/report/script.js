// A header's button sorts upwards, then downwards, then brings the first order back. What has no value comes last.
const next = { ascending: "descending", descending: "none", none: "ascending" };
function compare(left, right, sign) {
  if (left.dataset.value === undefined && right.dataset.value === undefined) {
    return sign * left.textContent.localeCompare(right.textContent, "en", { numeric: true });
  }
  const [a, b] = [Number(left.dataset.value ?? NaN), Number(right.dataset.value ?? NaN)];
  return Number.isNaN(a) || Number.isNaN(b) ? Number.isNaN(a) - Number.isNaN(b) : sign * (a - b);
}
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const headers = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells);
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
}

// A figure fills the window at a click; arrow keys lead to the next.
const figures = Array.from(document.querySelectorAll("figure.image"));
const dialog = document.querySelector("dialog");
let shown = 0;
function show(index) {
  shown = (index + figures.length) % figures.length;
  const caption = figures[shown].querySelector("figcaption");
  dialog.querySelector("img").src = figures[shown].querySelector("img").src;
  dialog.querySelector("img").alt = figures[shown].querySelector("img").alt;
  dialog.querySelector("p").textContent = `${caption.querySelector("b").textContent} ${caption.dataset.caption}`;
}
figures.forEach((figure, index) => figure.querySelector("button").addEventListener("click", () => {
  show(index);
  dialog.showModal();
}));
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") show(shown + 1);
  if (event.key === "ArrowLeft") show(shown - 1);
});
