// The map: clusters as marks on a canvas. Colour and shape say the same, so that either is enough.

const place = document.querySelector("[data-map]");
const canvas = place.querySelector("canvas");
const tip = place.querySelector("[data-map-tip]");
const legend = document.querySelector("[data-map-legend]");
const chooser = document.querySelector("[data-map-colours]");
const MARGIN = 36;
const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "ring"];
const NONE = "no category";
let points = [];
let spots = [];
let mode = "macro";
let hovered = null;
let dimmed = null;

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function colourOf(point) {
  if (mode === "reviewed") return token(point.reviewed ? "--m2" : "--m1");
  return token(point.colour === "macro-none" ? "--mx" : `--m${point.colour.slice(-1)}`);
}

function groupOf(point) {
  if (mode === "reviewed") return point.reviewed ? "reviewed" : "not reviewed yet";
  return (mode === "macro" ? point.macro : point.category) ?? NONE;
}

function shapeOf(point) {
  if (mode === "reviewed") return point.reviewed ? "circle" : "ring";
  if (point.colour === "macro-none") return "cross";
  if (mode === "category") return SHAPES[point.place % SHAPES.length];
  return SHAPES[Number(point.colour.slice(-1)) % SHAPES.length];
}

function trace(pen, shape, x, y, r) {
  pen.beginPath();
  if (shape === "square") pen.rect(x - r * 0.85, y - r * 0.85, r * 1.7, r * 1.7);
  else if (shape === "triangle") { pen.moveTo(x, y - r * 1.1); pen.lineTo(x + r, y + r * 0.8); pen.lineTo(x - r, y + r * 0.8); pen.closePath(); }
  else if (shape === "diamond") { pen.moveTo(x, y - r * 1.15); pen.lineTo(x + r * 1.15, y); pen.lineTo(x, y + r * 1.15); pen.lineTo(x - r * 1.15, y); pen.closePath(); }
  else if (shape === "cross") { pen.moveTo(x - r * 0.8, y - r * 0.8); pen.lineTo(x + r * 0.8, y + r * 0.8); pen.moveTo(x + r * 0.8, y - r * 0.8); pen.lineTo(x - r * 0.8, y + r * 0.8); }
  else pen.arc(x, y, r, 0, 2 * Math.PI);
}

function mark(pen, shape, x, y, r, colour) {
  trace(pen, shape, x, y, r);
  pen.strokeStyle = colour;
  pen.lineWidth = shape === "cross" || shape === "ring" ? 2.5 : 1.5;
  if (shape !== "cross" && shape !== "ring") {
    const alpha = pen.globalAlpha;
    pen.fillStyle = colour;
    pen.globalAlpha = alpha * 0.62;
    pen.fill();
    pen.globalAlpha = alpha;
  }
  pen.stroke();
}

function layOut(width, height) {
  const xs = points.map((p) => p.x), ys = points.map((p) => p.y);
  const low = [Math.min(...xs), Math.min(...ys)], high = [Math.max(...xs), Math.max(...ys)];
  const scale = (value, axis, size) => {
    const range = high[axis] - low[axis];
    return range ? MARGIN + ((value - low[axis]) / range) * (size - 2 * MARGIN) : size / 2;
  };
  const most = Math.max(...points.map((p) => p.instances), 1);
  spots = points.map((p) => ({ point: p, x: scale(p.x, 0, width), y: height - scale(p.y, 1, height), r: 5 + 15 * Math.sqrt(p.instances / most) }));
  spots.sort((a, b) => b.r - a.r);
}

// Where a name may stand: right of its mark, left, below, above; none if all are taken.
function findPlace(spot, wide, size, taken) {
  const { x, y, r } = spot, half = wide / 2;
  const tries = [[x + r + 5, y + 4], [x - r - 5 - wide, y + 4], [x - half, y + r + 15], [x - half, y - r - 6]];
  for (const [left, base] of tries) {
    const box = [left - 2, base - 12, left + wide + 2, base + 4];
    const inside = box[0] >= 2 && box[2] <= size.width - 2 && box[1] >= 2 && box[3] <= size.height - 2;
    const free = inside && !taken.some((b) => b.of !== spot && box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1]);
    if (free) { taken.push(box); return [left, base]; }
  }
  return null;
}

function nameSpots(pen, size) {
  const taken = spots.map((s) => Object.assign([s.x - s.r, s.y - s.r, s.x + s.r, s.y + s.r], { of: s }));
  pen.font = `13px ${getComputedStyle(document.body).fontFamily}`;
  pen.fillStyle = token("--ink");
  pen.strokeStyle = token("--surface");
  pen.lineWidth = 3;
  for (const spot of spots) {
    const text = spot.point.name.length > 28 ? `${spot.point.name.slice(0, 27)}…` : spot.point.name;
    const found = findPlace(spot, pen.measureText(text).width, size, taken);
    if (!found) continue;
    pen.globalAlpha = dimmed !== null && groupOf(spot.point) !== dimmed ? 0.25 : 1;
    pen.strokeText(text, ...found);
    pen.fillText(text, ...found);
  }
  pen.globalAlpha = 1;
}

function draw() {
  const box = canvas.getBoundingClientRect(), ratio = devicePixelRatio || 1;
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round(box.height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  if (!points.length) return;
  layOut(box.width, box.height);
  for (const spot of spots) {
    pen.globalAlpha = dimmed !== null && groupOf(spot.point) !== dimmed ? 0.15 : 1;
    mark(pen, shapeOf(spot.point), spot.x, spot.y, spot.r, colourOf(spot.point));
    if (spot.point === hovered) {
      pen.beginPath();
      pen.arc(spot.x, spot.y, spot.r + 4, 0, 2 * Math.PI);
      pen.strokeStyle = token("--ink");
      pen.lineWidth = 2;
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
  nameSpots(pen, box);
}

function spotAt(event) {
  const box = canvas.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  let best = null, least = Infinity;
  for (const spot of spots) {
    const far = Math.hypot(spot.x - x, spot.y - y);
    if (far <= spot.r + 4 && far < least) { best = spot; least = far; }
  }
  return best;
}

function showTip(spot) {
  tip.hidden = !spot;
  canvas.style.cursor = spot ? "pointer" : "default";
  if (!spot) return;
  const p = spot.point;
  tip.textContent = `${p.name}\n${p.category ?? NONE} · ${p.labels} labels, ${p.instances} instances${p.reviewed ? " · reviewed" : ""}`;
  const wide = place.clientWidth;
  tip.style.left = `${Math.max(4, Math.min(spot.x + spot.r + 10, wide - tip.offsetWidth - 4))}px`;
  tip.style.top = `${Math.max(4, spot.y - tip.offsetHeight - 8)}px`;
}

// The what-if link asks about the cluster under the pointer.
function aim() {
  const link = document.querySelector("[data-map-ask]");
  const anchor = hovered?.address.split("/").pop();
  link.search = anchor ? `?do=assign&anchor=${anchor}` : "";
}

function showLegend() {
  const groups = new Map();
  for (const point of [...points].sort((a, b) => (a.place ?? 99) - (b.place ?? 99))) {
    const name = groupOf(point);
    if (!groups.has(name)) groups.set(name, point);
  }
  legend.replaceChildren(...[...groups].map(([name, point]) => {
    const item = document.createElement("li"), swatch = document.createElement("canvas"), text = document.createElement("span");
    swatch.width = swatch.height = 32;
    swatch.setAttribute("aria-hidden", "true");
    const pen = swatch.getContext("2d");
    pen.scale(2, 2);
    mark(pen, shapeOf(point), 8, 8, 5.5, colourOf(point));
    text.textContent = name;
    item.append(swatch, text);
    item.addEventListener("pointerenter", () => { dimmed = name; draw(); });
    item.addEventListener("pointerleave", () => { dimmed = null; draw(); });
    return item;
  }));
}

function refresh() {
  showLegend();
  draw();
}

canvas.addEventListener("pointermove", (event) => {
  const spot = spotAt(event), point = spot?.point ?? null;
  if (point !== hovered) { hovered = point; draw(); showTip(spot); aim(); }
});
canvas.addEventListener("pointerleave", () => { hovered = null; showTip(null); draw(); aim(); });
canvas.addEventListener("click", (event) => {
  const spot = spotAt(event);
  if (spot) location.assign(spot.point.address);
});
chooser.addEventListener("change", (event) => { mode = event.target.value; refresh(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
new ResizeObserver(draw).observe(place);

const response = await fetch(place.dataset.map, { headers: { Accept: "application/json" } });
points = response.ok ? (await response.json()).points : [];
place.dataset.ready = points.length;
chooser.hidden = false;
refresh();
