// The map: every label is a point. It is drawn, looked at, searched, and drawn round; what is
// selected takes the commands of the form below it. The page may be put in anew under it.

import { colourBy, describe, load, middles } from "./map_points.js";
import { Picture } from "./map_paint.js";
import { ahead, inLasso, inRing, nearest } from "./map_select.js";
import { countWords, fill, numbersOf, say, showLegend, showRows } from "./map_page.js";

const MARGIN = 28;
const SAMPLE = 20_000; // points drawn while the map moves
const KEPT = "mralign-map-selection"; // across the page that answers what if
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const dark = matchMedia("(prefers-color-scheme: dark)");

let dom = null; // the elements of the page that is there now
let address = "", places = null, state = null, texts = null, folded = null;
let mode = "category", groups = [], of = null, names = [];
let view = { zoom: 1, x: 0, y: 0 };
let x = null, y = null, halves = null, size = { width: 0, height: 0, ratio: 1 };
let chosen = null, count = 0, instances = 0;
let matches = null, found = 0, current = -1;
let cursor = -1, hovered = -1, ring = 0, before = null;
let drag = null, moving = 0, frame = 0, panning = false, sent = false, focused = false;
const hiddenBy = new Map(); // by way to colour: the names of groups that are not shown
let hidden = [];

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function rgb(name) {
  const text = token(name), long = text.length === 4 ? text.replace(/[0-9a-f]/gi, "$&$&") : text;
  return [1, 3, 5].map((at) => parseInt(long.slice(at, at + 2), 16));
}

function inks() {
  return { hues: [0, 1, 2, 3, 4, 5].map((n) => rgb(`--m${n}`)), none: rgb("--mx"), ink: rgb("--ink"), surface: rgb("--surface") };
}

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

function layOut() {
  const { width, height, ratio } = size, n = places.x.length;
  if (x?.length !== n) { x = new Float32Array(n); y = new Float32Array(n); halves = new Uint8Array(n); }
  const scale = view.zoom * view.fit, grown = view.zoom ** 0.35 * 2 * ratio;
  const least = Math.min(6, Math.max(1.4, 60 / n ** 0.4)) * grown;
  const left = width / 2 - view.x * scale, top = height / 2 + view.y * scale;
  for (let i = 0; i < n; i++) {
    x[i] = places.x[i] * scale + left;
    y[i] = top - places.y[i] * scale;
    const wide = least * (1 + 1.1 * Math.log10(places.count[i] || 1)), coarse = wide > 24 ? 4 : wide > 10 ? 2 : 1;
    halves[i] = Math.min(60, coarse * Math.round(wide / coarse)); // few sizes, so that few marks are made
  }
}

function fitAll() {
  let wide = 0, high = 0;
  for (let i = 0; i < places.x.length; i++) { wide = Math.max(wide, places.x[i]); high = Math.max(high, places.y[i]); }
  const fit = Math.min((size.width - 2 * MARGIN) / (wide || 1), (size.height - 2 * MARGIN) / (high || 1));
  view = { zoom: 1, x: wide / 2, y: high / 2, fit };
}

function paint() {
  const strong = count ? chosen : found ? matches : null;
  const limit = moving ? Math.min(SAMPLE, x.length) : x.length;
  dom.picture.paint({ x, y, halves, of, groups, hidden, strong, surface: rgb("--surface"), limit });
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
    if (all) { layOut(); paint(); }
    drawOver();
    if (dom.fresh) setTimeout(() => dom?.fresh && legend());
  });
}

function circle(pen, i, more, width) {
  pen.beginPath();
  pen.arc(x[i], y[i], halves[i] / 2 / size.ratio + more, 0, 2 * Math.PI);
  pen.lineWidth = width;
  pen.stroke();
}

function drawNames(pen, ink, surface) {
  const scale = view.zoom * view.fit, taken = [];
  pen.font = `13px ${dom.font}`;
  pen.textAlign = "center";
  pen.lineJoin = "round";
  for (const { name, x: px, y: py } of names.slice(0, Math.round(40 * Math.min(4, view.zoom)))) {
    const cx = (px - view.x) * scale + size.width / 2, cy = size.height / 2 - (py - view.y) * scale;
    if (!(cx > 0 && cy > 0 && cx < size.width && cy < size.height)) continue;
    const text = name.length > 28 ? `${name.slice(0, 27)}…` : name, half = pen.measureText(text).width / 2 + 4;
    if (cx < half || cx > size.width - half || taken.some((t) => Math.abs(t[0] - cx) < t[1] + half && Math.abs(t[2] - cy) < 20)) continue;
    taken.push([cx, half, cy]);
    pen.strokeStyle = surface;
    pen.lineWidth = 4;
    pen.strokeText(text, cx, cy + 4);
    pen.fillStyle = ink;
    pen.fillText(text, cx, cy + 4);
  }
}

function drawOver() {
  const { width, height, ratio } = size, over = dom.over, pen = over.getContext("2d");
  if (over.width !== Math.round(width * ratio) || over.height !== Math.round(height * ratio)) {
    over.width = Math.round(width * ratio);
    over.height = Math.round(height * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const ink = token("--ink"), accent = token("--accent");
  drawNames(pen, ink, token("--surface"));
  pen.strokeStyle = ink;
  if (found) for (let i = 0, left = 500; i < x.length && left; i++) if (matches[i] && shown(i)) { circle(pen, i, 3, 1.5); left--; }
  if (hovered >= 0) circle(pen, hovered, 4, 2);
  pen.strokeStyle = accent;
  if (cursor >= 0) {
    circle(pen, cursor, 5, 3);
    if (ring) { pen.setLineDash([6, 4]); circle(pen, cursor, ring - halves[cursor] / 2 / ratio, 2); pen.setLineDash([]); }
  }
  if (drag?.line) {
    pen.beginPath();
    for (const point of drag.line) pen.lineTo(...point);
    pen.globalAlpha = 0.12;
    pen.fillStyle = accent;
    pen.fill("evenodd");
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
    pen.stroke();
  }
}

// How the selection changes: without a key anew, with Shift more, with Alt less.
function change(event, pick, hold = false) {
  const less = event.altKey;
  if (!event.shiftKey && !less && !hold) chosen.fill(0);
  pick((i) => { chosen[i] = less ? 0 : 1; });
  tally();
}

function tally() {
  count = instances = 0;
  for (let i = 0; i < chosen.length; i++) if (chosen[i]) { count++; instances += places.count[i]; }
  dom.count.textContent = countWords(count, instances);
  dom.box.dataset.selected = count;
  redraw();
  clearTimeout(dom.rows);
  dom.rows = setTimeout(listRows, 60);
}

function listRows() {
  showRows(dom.body, chosen, { places, state, texts, count, base: dom.base, deciding: Boolean(dom.form.elements.chosen) });
}

function words(i) {
  return describe(i, places, state, texts?.[i] ?? "…");
}

function showTip(i) {
  hovered = i;
  dom.tip.hidden = i < 0;
  if (i < 0) return;
  dom.tip.textContent = words(i);
  const left = Math.min(x[i] + 14, size.width - dom.tip.offsetWidth - 4), above = y[i] - dom.tip.offsetHeight - 12;
  dom.tip.style.left = `${Math.max(4, left)}px`;
  dom.tip.style.top = `${above > 4 ? above : Math.min(y[i] + 14, size.height - dom.tip.offsetHeight - 4)}px`;
}

function settle() {
  clearTimeout(moving);
  moving = setTimeout(() => { moving = 0; redraw(); }, 120);
}

function zoomAt(px, py, times) {
  const zoom = Math.min(80, Math.max(0.5, view.zoom * times)), scale = view.zoom * view.fit;
  const dx = (px - size.width / 2) / scale, dy = (py - size.height / 2) / scale, part = 1 - view.zoom / zoom;
  view = { ...view, zoom, x: view.x + dx * part, y: view.y - dy * part };
  showTip(-1);
  ring = 0;
  settle();
  redraw();
}

function zoomKey(times) {
  if (!times) { fitAll(); ring = 0; redraw(); return; }
  const on = cursor >= 0 ? [x[cursor], y[cursor]] : [size.width / 2, size.height / 2];
  zoomAt(...on, times);
}

function place(i, tell = true) {
  cursor = i;
  ring = 0;
  const scale = view.zoom * view.fit;
  if (x[i] < 20 || y[i] < 20 || x[i] > size.width - 20 || y[i] > size.height - 20) {
    view = { ...view, x: places.x[i], y: places.y[i] };
    x[i] = size.width / 2;
    y[i] = size.height / 2;
    redraw();
  }
  showTip(i);
  if (tell && scale) say(`${words(i).replaceAll("\n", ", ")}${chosen[i] ? ", selected" : ""}`);
  redraw(false);
}

function step(event, [dx, dy]) {
  const next = cursor < 0 ? nearest(size.width / 2, size.height / 2, Infinity, field()) : ahead(cursor, dx, dy, field());
  if (next < 0) return;
  if (event.shiftKey) change({ shiftKey: true }, (take) => { if (cursor >= 0) take(cursor); take(next); });
  place(next);
}

function growRing(times) {
  if (cursor < 0) return say("Go to a label first, with the arrow keys or the search.");
  if (!ring) before = chosen.slice();
  ring = times > 1 ? Math.max(14, ring * times) : ring * times < 14 ? 0 : ring * times;
  chosen.set(before);
  if (ring) inRing(cursor, ring, field(), (i) => { chosen[i] = 1; });
  tally();
  say(dom.count.textContent);
}

function selectLike(array, what) {
  if (cursor < 0) return say(`Go to a label first, to select its ${what}.`);
  change({ shiftKey: true }, (take) => { for (let i = 0; i < array.length; i++) if (array[i] === array[cursor] && shown(i)) take(i); });
  say(dom.count.textContent);
}

function selectMatches() {
  if (!found) return say("Nothing is found yet: search first.");
  change({ shiftKey: true }, (take) => { for (let i = 0; i < matches.length; i++) if (matches[i] && shown(i)) take(i); });
  say(dom.count.textContent);
}

function clear() {
  if (drag) { drag = null; return redraw(false); }
  chosen.fill(0);
  cursor = -1;
  ring = 0;
  showTip(-1);
  tally();
}

function search() {
  const wanted = dom.search.value.trim().toLowerCase();
  matches = new Uint8Array(x.length);
  found = 0;
  current = -1;
  folded ??= texts?.map((text) => text.toLowerCase());
  if (wanted && folded) for (let i = 0; i < folded.length; i++) if (folded[i].includes(wanted)) { matches[i] = 1; found++; }
  dom.found.textContent = wanted ? `${found.toLocaleString("en")} of ${x.length.toLocaleString("en")} labels found` : `${x.length.toLocaleString("en")} labels`;
  redraw();
}

function nextMatch() {
  if (!found) return;
  let i = current;
  do i = (i + 1) % x.length; while (!matches[i]);
  current = i;
  place(i);
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
  drag = { start: at(event), line: moves ? null : [at(event)], from: view, far: false };
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
  const scale = view.zoom * view.fit;
  view = { ...view, x: drag.from.x - (px - drag.start[0]) / scale, y: drag.from.y + (py - drag.start[1]) / scale };
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
  zoomAt(...at(event), Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 240));
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.target !== dom.box || !state) return;
  const arrow = ARROWS[event.key];
  if (arrow) step(event, arrow);
  else if (event.key === " ") {
    if (cursor < 0) return;
    change({ shiftKey: true, altKey: Boolean(chosen[cursor]) }, (take) => take(cursor));
    say(dom.count.textContent);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

const KEYS = {
  "map-grow": () => growRing(1.35), "map-shrink": () => growRing(1 / 1.35),
  "map-cluster": () => selectLike(state.cluster, "cluster"), "map-category": () => selectLike(state.category, "category"),
};
const MODES = ["category", "cluster", "doubt", "reviewer"];

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
  if (!count && cursor >= 0) change({}, (take) => take(cursor));
  if (!count) {
    event.preventDefault();
    return say("Select labels first.");
  }
  fill(dom.form, chosen, places.id);
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
  for (let i = 0; i < chosen.length; i++) if (wanted.has(places.id[i])) chosen[i] = 1;
}

function measure() {
  const box = dom.box.getBoundingClientRect();
  if (!box.width) return;
  const width = Math.round(box.width) - 2, height = Math.round(box.height) - 2, ratio = Math.min(devicePixelRatio || 1, 2);
  const same = width === size.width && height === size.height;
  size = { width, height, ratio };
  if (!dom.picture.fit(width, height, ratio) && same && view.fit) return;
  if (places && !(same && view.fit)) fitAll();
  redraw();
}

function find() {
  const box = document.querySelector("[data-map]");
  if (!box) return null;
  const one = (selector) => document.querySelector(selector), form = one("#map-form");
  return {
    box, form, points: one("[data-map-points]"), over: one("[data-map-over]"), tip: one("[data-map-tip]"), legend: one("[data-map-legend]"),
    search: one("#q"), found: one("[data-map-found]"), body: one("[data-map-rows]"), base: box.dataset.map.replace(/\/map$/, ""),
    count: one("[data-map-count]") ?? document.createElement("p"), modes: [...document.querySelectorAll("input[name=colour]")],
    picture: new Picture(one("[data-map-points]")), font: getComputedStyle(document.body).fontFamily, rows: 0,
  };
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
    chosen[target.closest("tr").dataset.point] = target.checked ? 1 : 0;
    clearTimeout(dom.rows);
    tally();
    clearTimeout(dom.rows); // the row stays, so that it can be ticked again
  });
  for (const radio of dom.modes) {
    radio.checked = radio.value === mode;
    radio.addEventListener("change", () => { mode = radio.value; group(); redraw(); });
  }
  const pan = document.querySelector("[data-map-pan]");
  pan.addEventListener("click", () => { panning = !panning; pan.setAttribute("aria-pressed", String(panning)); dom.box.classList.toggle("moves", panning); });
  for (const button of document.querySelectorAll("[data-map-zoom]")) button.addEventListener("click", () => zoomKey(Number(button.dataset.mapZoom)));
  new ResizeObserver(measure).observe(dom.box);
}

function show(fresh) {
  state = fresh;
  names = middles(places, state);
  group();
  redraw();
  if (chosen?.length !== places.x.length) { chosen = new Uint8Array(places.x.length); matches = new Uint8Array(places.x.length); cursor = -1; found = 0; }
  measure();
}

async function catchUp(tag) {
  const fresh = await load(`${address}/state`);
  if (fresh.tag !== tag && dom?.box.isConnected && dom.box.dataset.map === address) { show(fresh); tally(); }
}

async function begin() {
  const here = find();
  if (!here) { sent = false; dom = null; return; }
  dom = here;
  if (dom.box.dataset.map !== address) { address = dom.box.dataset.map; places = state = texts = folded = null; cursor = -1; }
  listen();
  panning = false;
  if (sent) { chosen?.fill(0); cursor = -1; ring = 0; sent = false; if (focused) dom.box.focus({ preventScroll: true }); }
  if (state) { show(state); tally(); }
  const asked = address, all = await Promise.all([places ?? load(`${asked}/places`), load(`${asked}/state`)]);
  if (address !== asked || dom !== here) return;
  places = all[0];
  show(all[1]);
  bring();
  tally();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  dom.box.dataset.ready = places.x.length;
  document.dispatchEvent(new Event("map:painted"));
  texts ??= (await load(`${asked}/texts`)).texts;
  if (dom !== here) return;
  listRows();
  if (dom.search.value) search();
  if (location.search.includes("done=")) setTimeout(catchUp, 1500, state.tag); // what follows for other labels
}

document.addEventListener("keys:pressed", onPressed);
document.addEventListener("keys:listed", ({ detail }) => {
  if (!dom?.box.isConnected) return;
  const { keygrow, keyshrink, keycluster, keycategory } = dom.box.dataset;
  detail.push(["← ↑ → ↓", "to the next label that way; with Shift, select it"], ["Space", "select the label, or not"], [`${keyshrink} ${keygrow}`, "shrink and grow a ring round it"],
    [keycluster, "select its cluster"], [keycategory, "select its category"], ["+ - 0", "zoom in, out, see all"], ["1 to 4", "colour by category, cluster, doubt, reviewer"], ["Escape", "clear the selection"]);
});
dark.addEventListener("change", () => { if (dom && state) { group(); redraw(); } });
document.addEventListener("flow:shown", begin);
begin();
