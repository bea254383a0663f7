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

// Where a reader points at a mark of a heat map or of UMAP, it is said what it is: the nearest one within reach.
const said = document.querySelector("#said");
function hush() {
  if (said.matches(":popover-open")) said.hidePopover();
}
function meant(panels, across, down) {
  for (const { box: [left, top, width, height], reach, texts, marks } of panels) {
    const [x, y] = [1000 * (across - left) / width, 1000 * (down - top) / height];
    if (x < 0 || x > 1000 || y < 0 || y > 1000) continue;
    let [nearest, least] = [null, Infinity];
    for (let mark = 0; mark < marks.length; mark += 3) {
      const [dx, dy] = [Math.abs(marks[mark] - x), Math.abs(marks[mark + 1] - y)];
      if (dx <= reach[0] && dy <= reach[1] && dx + dy < least) [nearest, least] = [texts[marks[mark + 2]], dx + dy];
    }
    return nearest;
  }
  return null;
}
function point(event, panels) {
  const image = event.currentTarget;
  const edge = parseFloat(getComputedStyle(image).paddingLeft);
  const frame = image.getBoundingClientRect();
  const text = meant(panels, (event.clientX - frame.left - edge) / (frame.width - 2 * edge),
    (event.clientY - frame.top - edge) / (frame.height - 2 * edge));
  if (text === null) return hush();
  said.textContent = text;
  if (!said.matches(":popover-open")) said.showPopover();
  const { width, height } = said.getBoundingClientRect();
  said.style.left = `${Math.max(4, Math.min(event.clientX + 14, window.innerWidth - width - 4))}px`;
  said.style.top = `${event.clientY + 18 + height < window.innerHeight ? event.clientY + 18 : event.clientY - height - 10}px`;
}
function say(image, panels) {
  image.onpointermove = (event) => point(event, panels);
  image.onpointerdown = (event) => point(event, panels);
  image.onpointerleave = hush;
}
function hoverOf(figure) {
  const data = figure.querySelector("script.hover");
  return data ? JSON.parse(data.textContent) : [];
}
document.addEventListener("scroll", hush, { passive: true });

// A figure fills the window at a click; arrow keys lead to the next.
const figures = Array.from(document.querySelectorAll("figure.image"));
const dialog = document.querySelector("dialog");
let shown = 0;
function show(index) {
  hush();
  shown = (index + figures.length) % figures.length;
  const caption = figures[shown].querySelector("figcaption");
  dialog.querySelector("img").src = figures[shown].querySelector("img").src;
  dialog.querySelector("img").alt = figures[shown].querySelector("img").alt;
  say(dialog.querySelector("img"), hoverOf(figures[shown]));
  dialog.querySelector("p").textContent = `${caption.querySelector("b").textContent} ${caption.dataset.caption}`;
}
figures.forEach((figure) => say(figure.querySelector("img"), hoverOf(figure)));
figures.forEach((figure, index) => figure.querySelector("button").addEventListener("click", () => {
  show(index);
  dialog.showModal();
}));
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") show(shown + 1);
  if (event.key === "ArrowLeft") show(shown - 1);
});

// The contents mark the section that is being read: the last whose beginning has been reached.
const sections = Array.from(document.querySelectorAll("main > section"));
function markSection() {
  const reached = sections.filter((section) => section.getBoundingClientRect().top < window.innerHeight / 3);
  const current = (reached[reached.length - 1] || sections[0]).id;
  for (const link of document.querySelectorAll("nav > ol > li > a")) {
    if (link.hash === `#${current}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
document.addEventListener("scroll", markSection, { passive: true });
markSection();
