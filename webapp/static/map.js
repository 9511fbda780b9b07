// The map: every label is a point. It is drawn, looked at, searched, and drawn round; what is
// selected takes the commands of the form below it. The page may be put in anew under it.

import { colourBy, describe, load, middles } from "./map_points.js";
import { Choice, ahead, inLasso, inRing, nearest } from "./map_select.js";
import { countWords, fill, find, listKeys, numbersOf, putTip, say, showLegend, showRows } from "./map_page.js";
import { drawOver, fitAll, halves, held, inks, layOut, measure, paint, pull, reveal, size, use, x, y, zoomAt } from "./map_view.js";

const SAMPLE = 20_000; // points drawn while the map moves
const KEPT = "mralign-map-selection"; // across the page that answers what if
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const dark = matchMedia("(prefers-color-scheme: dark)");

let dom = null; // the elements of the page that is there now
let address = "", places = null, state = null, texts = null, folded = null;
let mode = "category", groups = [], of = null, names = [];
let choice = null;
let cursor = -1, hovered = -1, ring = 0, before = null;
let drag = null, moving = 0, frame = 0, panning = false, sent = false, focused = false;
const hiddenBy = new Map(); // by way to colour: the names of groups that are not shown
let hidden = [];

const shown = (i) => !hidden[of[i]];
const field = () => ({ x, y, halves, ratio: size.ratio, shown });

function group() {
  ({ groups, of } = colourBy(mode, state, inks()));
  const off = hiddenBy.get(mode);
  hidden = groups.map(({ name }) => Boolean(off?.has(name)));
  dom.fresh = true;
}

function legend() {
  dom.fresh = false;
  showLegend(dom.legend, groups, hidden, (n) => {
    hidden[n] = !hidden[n];
    hiddenBy.set(mode, new Set(groups.filter((_, at) => hidden[at]).map(({ name }) => name)));
    if (hovered >= 0 && !shown(hovered)) showTip(-1);
    redraw();
    return hidden[n];
  });
}

function redraw(whole = true) {
  if (frame === 2 || (frame === 1 && !whole)) return;
  const asked = frame;
  frame = whole ? 2 : 1;
  if (asked) return;
  requestAnimationFrame(() => {
    const all = frame === 2;
    frame = 0;
    if (!dom || !places || !state) return;
    if (all) {
      layOut(places);
      paint({ of, groups, hidden, strong: choice.strong, limit: moving ? Math.min(SAMPLE, x.length) : x.length });
    }
    if (dom.fresh) setTimeout(() => { if (dom?.fresh) { legend(); redraw(false); } }, 20); // points come first
    else drawOver({ names, matches: choice.found ? choice.matches : null, shown, hovered, cursor, ring, line: drag?.line });
  });
}

function change(event, pick) {
  choice.change(event, pick);
  tally();
}

function tally() {
  choice.tally(places.count);
  dom.count.textContent = countWords(choice);
  dom.box.dataset.selected = choice.count;
  redraw();
  delete dom.body.dataset.count;
  clearTimeout(dom.rows);
  dom.rows = setTimeout(listRows, 60);
}

function listRows() {
  showRows(dom.body, choice, { places, state, texts, base: dom.base, deciding: Boolean(dom.form.elements.chosen) });
}

function words(i) {
  return describe(i, places, state, texts?.[i] ?? "…");
}

function showTip(i) {
  hovered = i;
  putTip(dom.tip, i < 0 ? "" : words(i), x[i], y[i], size);
}

function settle() {
  clearTimeout(moving);
  moving = setTimeout(() => { moving = 0; redraw(); }, 120);
}

function zoom(px, py, times) {
  zoomAt(px, py, times);
  showTip(-1);
  ring = 0;
  settle();
  redraw();
}

function zoomKey(times) {
  if (!times) { fitAll(places); ring = 0; redraw(); return; }
  zoom(...(cursor >= 0 ? [x[cursor], y[cursor]] : [size.width / 2, size.height / 2]), times);
}

function place(i, tell = true) {
  cursor = i;
  ring = 0;
  const moved = reveal(i, places);
  showTip(i);
  if (tell) say(`${words(i).replaceAll("\n", ", ")}${choice.chosen[i] ? ", selected" : ""}`);
  redraw(moved);
}

function step(event, [dx, dy]) {
  const next = cursor < 0 ? nearest(size.width / 2, size.height / 2, Infinity, field()) : ahead(cursor, dx, dy, field());
  if (next < 0) return;
  if (event.shiftKey) change({ shiftKey: true }, (take) => { if (cursor >= 0) take(cursor); take(next); });
  place(next);
}

function growRing(times) {
  if (cursor < 0) return say("Go to a label first, with the arrow keys or the search.");
  if (!ring) before = choice.chosen.slice();
  ring = times > 1 ? Math.max(14, ring * times) : ring * times < 14 ? 0 : ring * times;
  choice.chosen.set(before);
  change({ shiftKey: true }, (take) => { if (ring) inRing(cursor, ring, field(), take); });
  say(dom.count.textContent);
}

function selectLike(array, what) {
  if (cursor < 0) return say(`Go to a label first, to select its ${what}.`);
  change({ shiftKey: true }, (take) => { for (let i = 0; i < array.length; i++) if (array[i] === array[cursor] && shown(i)) take(i); });
  say(dom.count.textContent);
}

function selectMatches() {
  if (!choice?.found) return say("Nothing is found yet: search first.");
  const { matches } = choice;
  change({ shiftKey: true }, (take) => { for (let i = 0; i < matches.length; i++) if (matches[i] && shown(i)) take(i); });
  say(dom.count.textContent);
}

function clear() {
  if (drag) { drag = null; return redraw(false); }
  cursor = -1;
  ring = 0;
  showTip(-1);
  change({}, () => {});
}

function search() {
  if (!choice || !texts) return;
  const wanted = dom.search.value.trim().toLowerCase(), all = texts.length.toLocaleString("en");
  folded ??= texts.map((text) => text.toLowerCase());
  choice.search(folded, wanted);
  dom.found.textContent = wanted ? `${choice.found.toLocaleString("en")} of ${all} labels found` : `${all} labels`;
  redraw();
}

function nextMatch() {
  const i = choice?.next() ?? -1;
  if (i >= 0) place(i);
}

function at(event) {
  const box = dom.points.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function onDown(event) {
  if (event.button > 1 || event.target.closest("button")) return;
  dom.box.focus({ preventScroll: true });
  event.preventDefault();
  dom.over.setPointerCapture(event.pointerId);
  const moves = panning || event.button === 1 || event.ctrlKey || event.metaKey;
  drag = { start: at(event), line: moves ? null : [at(event)], from: held(), far: false };
  showTip(-1);
}

function onMove(event) {
  const [px, py] = at(event);
  if (!drag) {
    const i = nearest(px, py, 5, field());
    if (i !== hovered) { showTip(i); redraw(false); }
    return;
  }
  drag.far ||= Math.hypot(px - drag.start[0], py - drag.start[1]) > 4;
  if (drag.line) {
    const last = drag.line.at(-1);
    if (Math.hypot(px - last[0], py - last[1]) < 2) return;
    drag.line.push([px, py]);
    return redraw(false);
  }
  pull(drag.from, px - drag.start[0], py - drag.start[1]);
  settle();
  redraw();
}

function onUp(event) {
  if (!drag) return;
  const { line, far } = drag, [px, py] = at(event);
  drag = null;
  if (far && !line) return;
  const i = far ? -1 : nearest(px, py, 6, field());
  change(event, (take) => { if (far) inLasso(line, field(), take); else if (i >= 0) take(i); });
  if (i >= 0) place(i, false);
  dom.box.dataset.took = event.timeStamp ? performance.now() - event.timeStamp : 0;
}

function onWheel(event) {
  event.preventDefault();
  zoom(...at(event), Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 240));
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.target !== dom.box || !state) return;
  const arrow = ARROWS[event.key];
  if (arrow) step(event, arrow);
  else if (event.key === " ") {
    if (cursor < 0) return;
    change({ shiftKey: true, altKey: Boolean(choice.chosen[cursor]) }, (take) => take(cursor));
    say(dom.count.textContent);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

const KEYS = {
  "map-grow": () => growRing(1.35), "map-shrink": () => growRing(1 / 1.35),
  "map-cluster": () => selectLike(state.cluster, "cluster"), "map-category": () => selectLike(state.category, "category"),
};

// The keys that no element of the page names.
function onPressed(event) {
  if (!dom?.box.isConnected || !state) return;
  const key = event.detail, name = Object.keys(KEYS).find((one) => dom.box.dataset[one.replace("map-", "key")] === key);
  if (name) KEYS[name]();
  else if (key === "+" || key === "=") zoomKey(1.5);
  else if (key === "-") zoomKey(1 / 1.5);
  else if (key === "0") zoomKey(0);
  else if (key === "Escape") clear();
  else if ("1234".includes(key)) dom.modes[Number(key) - 1].click();
  else return;
  event.preventDefault();
}

// A command is about the selection, else about the label with the ring round it.
function onSubmit(event) {
  if (choice && !choice.count && cursor >= 0) change({}, (take) => take(cursor));
  if (!choice?.count) {
    event.preventDefault();
    return say("Select labels first.");
  }
  fill(dom.form, choice.chosen, places.id);
  const asks = event.submitter?.hasAttribute("formaction");
  if (asks) sessionStorage.setItem(KEPT, JSON.stringify([address, dom.form.elements.chosen.value]));
  sent = !asks;
  focused = document.activeElement === dom.box;
}

function bring() {
  const [kept, numbers] = JSON.parse(sessionStorage.getItem(KEPT)) ?? [];
  sessionStorage.removeItem(KEPT);
  if (kept !== address) return;
  const wanted = numbersOf(numbers);
  change({ shiftKey: true }, (take) => places.id.forEach((number, i) => { if (wanted.has(number)) take(i); }));
}

function listen() {
  dom.box.addEventListener("pointerdown", onDown);
  dom.over.addEventListener("pointermove", onMove);
  dom.over.addEventListener("pointerup", onUp);
  dom.over.addEventListener("pointercancel", () => { drag = null; redraw(false); });
  dom.over.addEventListener("pointerleave", () => { if (!drag) { showTip(-1); redraw(false); } });
  dom.over.addEventListener("wheel", onWheel, { passive: false });
  dom.box.addEventListener("keydown", onKey);
  dom.form.addEventListener("submit", onSubmit);
  dom.search.form.addEventListener("submit", (event) => { event.preventDefault(); nextMatch(); });
  dom.search.addEventListener("input", search);
  document.querySelector("[data-map-matches]").addEventListener("click", selectMatches);
  dom.body.addEventListener("change", ({ target }) => {
    change({ shiftKey: true, altKey: !target.checked }, (take) => take(Number(target.closest("tr").dataset.point)));
    clearTimeout(dom.rows); // the row stays, so that it can be ticked again
  });
  for (const radio of dom.modes) {
    radio.checked = radio.value === mode;
    radio.addEventListener("change", () => { mode = radio.value; group(); redraw(); });
  }
  const pan = document.querySelector("[data-map-pan]");
  pan.addEventListener("click", () => { panning = !panning; pan.setAttribute("aria-pressed", String(panning)); dom.box.classList.toggle("moves", panning); });
  for (const button of document.querySelectorAll("[data-map-zoom]")) button.addEventListener("click", () => zoomKey(Number(button.dataset.mapZoom)));
  new ResizeObserver(([{ target }]) => { if (target === dom?.box && measure(target, places)) redraw(); }).observe(dom.box);
  use(dom.points, dom.over);
}

function show(fresh) {
  state = fresh;
  names = middles(places, state);
  group();
  redraw();
  measure(dom.box, places);
}

async function catchUp(tag) {
  const fresh = await load(`${address}/state`);
  if (fresh.tag !== tag && dom?.box.isConnected && dom.box.dataset.map === address) { show(fresh); tally(); }
}

// The points again, or for the first time; on another clustering the selection is let go.
async function refresh(here, loading) {
  const asked = address, [where, now] = await loading;
  if (address !== asked || dom !== here) return false;
  if (places?.tag !== where.tag || !choice) {
    places = where;
    texts = folded = null;
    choice = new Choice(places.x.length);
    cursor = -1;
  }
  show(now);
  return true;
}

async function begin() {
  const here = find();
  panning = false;
  if (!here) { sent = false; dom = null; return; }
  dom = here;
  if (dom.box.dataset.map !== address) { address = dom.box.dataset.map; places = state = choice = null; }
  const loading = Promise.all([load(`${address}/places`), load(`${address}/state`)]);
  listen();
  if (sent && choice) { choice.chosen.fill(0); cursor = -1; ring = 0; if (focused) dom.box.focus({ preventScroll: true }); }
  sent = false;
  if (state) { show(state); tally(); }
  if (!await refresh(here, loading)) return;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  document.dispatchEvent(new Event("map:painted"));
  bring();
  tally();
  dom.box.dataset.ready = places.x.length;
  texts ??= (await load(`${address}/texts`)).texts;
  if (dom !== here) return;
  listRows();
  if (dom.search.value) search();
  if (location.search.includes("done=")) setTimeout(catchUp, 1500, state.tag); // what follows for other labels
}

// Without points there is still the list that a page without a script has.
function start() {
  begin().catch((error) => {
    document.body.classList.add("plain");
    say("The map could not be drawn. The list below holds the same labels.");
    throw error;
  });
}

document.addEventListener("keys:pressed", onPressed);
document.addEventListener("keys:listed", ({ detail }) => {
  if (dom?.box.isConnected) listKeys(detail, dom.box.dataset);
});
dark.addEventListener("change", () => { if (dom && state) { group(); redraw(); } });
document.addEventListener("flow:shown", start);
// The script may come before the page is read to its end.
if (document.readyState === "loading") document.addEventListener("readystatechange", start, { once: true });
else start();
