// Heatmaps and their tables by keys: each is one stop of Tab, the arrows go from cell to cell, Home
// and End to the ends of a row. What the cell under the pointer or the focus counts is said below.

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const SAID = "A cell leads to what it counts.";

function cellOf(target) {
  return target.closest?.("[data-heatmap] tbody a");
}

function hold(link) {
  const map = link.closest("[data-heatmap]");
  map.querySelector("tbody a[tabindex='0']")?.setAttribute("tabindex", "-1");
  link.setAttribute("tabindex", "0");
}

// The next cell that leads somewhere, in a row or a column.
function beside(link, [down, right]) {
  const cell = link.closest("td");
  let [row, at] = [cell.parentElement, cell.cellIndex];
  for (;;) {
    if (down) row = down > 0 ? row.nextElementSibling : row.previousElementSibling;
    at += right;
    const next = row?.cells[at];
    if (!next) return null;
    const found = next.querySelector("a");
    if (found) return found;
  }
}

function onKey(event) {
  const link = cellOf(event.target);
  if (!link || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const own = [...link.closest("tr").querySelectorAll("td a")];
  const ends = { Home: own[0], End: own[own.length - 1] };
  if (!(event.key in STEPS) && !(event.key in ends)) return;
  event.preventDefault();
  const next = ends[event.key] ?? beside(link, STEPS[event.key]);
  next?.focus();
}

function say(map, text) {
  const place = map.querySelector("[data-heat-said]");
  if (place) place.textContent = text;
}

function onFocus(event) {
  const link = cellOf(event.target);
  if (!link) return;
  hold(link);
  say(link.closest("[data-heatmap]"), link.ariaLabel);
}

function onPoint(event) {
  const link = cellOf(event.target);
  if (link) say(link.closest("[data-heatmap]"), link.ariaLabel);
}

function onLeave(event) {
  const map = event.target.closest?.("[data-heatmap]");
  if (!map || map.contains(event.relatedTarget)) return;
  say(map, SAID);
}

function begin() {
  for (const map of document.querySelectorAll("[data-heatmap]")) {
    const links = [...map.querySelectorAll("tbody a")];
    if (!links.length || links.some((link) => link.hasAttribute("tabindex"))) continue;
    links.forEach((link, place) => link.setAttribute("tabindex", place ? "-1" : "0"));
  }
}

document.addEventListener("keydown", onKey);
document.addEventListener("focusin", onFocus);
document.addEventListener("pointerover", onPoint);
document.addEventListener("pointerout", onLeave);
document.addEventListener("flow:shown", begin);
document.addEventListener("live:shown", begin);
document.addEventListener("keys:listed", ({ detail }) => {
  if (document.querySelector("[data-heatmap]")) detail.push(["← ↑ → ↓", "from cell to cell of a heatmap; Tab enters one"]);
});
begin();
