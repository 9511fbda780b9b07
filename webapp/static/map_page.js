// The page round the map: legend, list of the selection, and what its form sends.

import { ranges } from "./map_select.js";

const ROWS = 200;

// The marks of the map as cut-outs: a canvas for each would take longer than the map itself.
const CUTS = {
  circle: "circle(44%)", square: "inset(10%)", diamond: "polygon(50% 0, 100% 50%, 50% 100%, 0 50%)",
  triangle: "polygon(50% 4%, 96% 90%, 4% 90%)", wedge: "polygon(50% 96%, 96% 10%, 4% 10%)",
  cross: "polygon(20% 5%, 50% 35%, 80% 5%, 95% 20%, 65% 50%, 95% 80%, 80% 95%, 50% 65%, 20% 95%, 5% 80%, 35% 50%, 5% 20%)",
  ring: "",
};

function swatch({ shape, colour }) {
  const mark = element("span", { class: `swatch ${shape}`, "aria-hidden": "true" });
  mark.style.clipPath = CUTS[shape];
  mark.style.color = `rgb(${colour})`;
  return mark;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function say(text) {
  const place = document.getElementById("said");
  if (place.textContent !== text) place.textContent = text;
}

export function showLegend(list, groups, hidden, toggle) {
  list.replaceChildren(...groups.flatMap((group, n) => {
    if (!group.count) return [];
    const button = element("button", { type: "button", class: "quiet", "aria-pressed": String(!hidden[n]) },
      swatch(group), element("bdi", {}, group.name), element("span", { class: "count" }, group.count.toLocaleString("en")));
    if (group.note) button.title = group.note;
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(!toggle(n)));
    });
    return [element("li", {}, button)];
  }));
}

function rowOf(i, { places, state, texts, base, deciding }) {
  const number = places.id[i], cluster = state.clusters[state.cluster[i]], category = state.categories[state.category[i]];
  const tick = element("td", { class: "ticks" });
  if (deciding) {
    const box = element("input", { type: "checkbox", value: number, id: `label-${number}` });
    box.checked = true;
    tick.append(box);
  }
  const label = element("label", deciding ? { for: `label-${number}` } : {}, element("bdi", {}, texts?.[i] ?? "…"));
  const place = cluster ? element("a", { href: `${base}/clusters/${cluster[0]}` }, element("bdi", {}, cluster[1] || "unnamed")) : element("span", { class: "note" }, "no cluster");
  const chip = element("span", { class: `chip macro-${category ? category[3] : "none"}` }, element("bdi", {}, category?.[1] ?? "no category"));
  const row = element("tr", {}, tick, element("th", { scope: "row" }, label), element("td", { class: "number" }, places.count[i].toLocaleString("en")),
    element("td", {}, place), element("td", {}, chip), element("td", { class: "number" }, (state.doubt[i] / 100).toFixed(2)));
  row.dataset.point = i;
  return row;
}

// The first rows of the selection, the most frequent labels first.
export function showRows(body, { chosen, count }, map) {
  const rows = [];
  for (let i = 0; i < chosen.length && rows.length < ROWS; i++) if (chosen[i]) rows.push(rowOf(i, map));
  const left = count - rows.length;
  if (!count) rows.push(element("tr", {}, element("td"), element("td", { colspan: 5, class: "note" }, "Nothing is selected. What you select on the map stands here too.")));
  if (left > 0) rows.push(element("tr", {}, element("td"), element("td", { colspan: 5, class: "note" }, `and ${left.toLocaleString("en")} more, which a command is about as well`)));
  body.replaceChildren(...rows);
  body.dataset.count = count;
}

export function countWords({ count, instances }) {
  if (!count) return "Nothing selected";
  return `${count.toLocaleString("en")} ${count === 1 ? "label" : "labels"} selected, ${instances.toLocaleString("en")} instances`;
}

// What the form sends for the selection: the numbers of its labels, briefly.
export function fill(form, chosen, ids) {
  const numbers = [];
  for (let i = 0; i < chosen.length; i++) if (chosen[i]) numbers.push(ids[i]);
  form.elements.chosen.value = ranges(numbers);
}

// The numbers of ranges, as a set.
export function numbersOf(text) {
  const numbers = new Set();
  for (const part of text.split(",").filter(Boolean)) {
    const [first, last = first] = part.split("-").map(Number);
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return numbers;
}

// The elements of the page that is there now; null where it has no map.
export function find() {
  const one = (selector) => document.querySelector(selector), box = one("[data-map]");
  return box && {
    box, form: one("#map-form"), points: one("[data-map-points]"), over: one("[data-map-over]"), tip: one("[data-map-tip]"),
    legend: one("[data-map-legend]"), search: one("#q"), found: one("[data-map-found]"), body: one("[data-map-rows]"),
    count: one("[data-map-count]") ?? document.createElement("p"), modes: [...document.querySelectorAll("input[name=colour]")],
    base: box.dataset.map.replace(/\/map$/, ""), rows: 0, fresh: false,
  };
}

// What is said of a label, beside it and within the map.
export function putTip(tip, text, x, y, { width, height }) {
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const left = Math.min(x + 14, width - tip.offsetWidth - 4), above = y - tip.offsetHeight - 12;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${above > 4 ? above : Math.min(y + 14, height - tip.offsetHeight - 4)}px`;
}

export function listKeys(rows, { keygrow, keyshrink, keycluster, keycategory }) {
  rows.push(["← ↑ → ↓", "to the next label that way; with Shift, select it"], ["Space", "select the label, or not"],
    [`${keyshrink} ${keygrow}`, "shrink and grow a ring round it"], [keycluster, "select its cluster"], [keycategory, "select its category"],
    ["+ - 0", "zoom in, out, see all"], ["1 to 4", "colour by category, cluster, doubt, reviewer"], ["Escape", "clear the selection"]);
}
