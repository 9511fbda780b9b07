// Where every point stands on the canvas, and what is drawn there: points below, and over them
// names, rings and the line that is being drawn.

const MARGIN = 28;
export let x = null, y = null, halves = null; // on the canvas; radii in halves of its pixels
export let size = { width: 0, height: 0, ratio: 1 };
const WIDEST = 1.5; // a map of a wide window is drawn so much wider than high, and no more
let view = { zoom: 1, x: 0, y: 0, fit: 0, wide: 1 };
let picture = null, over = null, font = "";

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function rgb(name) {
  const text = token(name), long = text.length === 4 ? text.replace(/[0-9a-f]/gi, "$&$&") : text;
  return [1, 3, 5].map((at) => parseInt(long.slice(at, at + 2), 16));
}

export function inks() {
  return { hues: [0, 1, 2, 3, 4, 5].map((n) => rgb(`--m${n}`)), none: rgb("--mx"), ink: rgb("--ink"), surface: rgb("--surface") };
}

const scale = () => view.zoom * view.fit;

// Draw on these canvases from now on.
export function use(points, above) {
  picture = new Picture(points);
  over = above;
  font = getComputedStyle(document.body).fontFamily;
}

// Take the size of the box; whether anything is to be drawn anew.
export function measure(box, places) {
  const { width: wide, height: high } = box.getBoundingClientRect();
  if (!wide) return false;
  const width = Math.round(wide) - 2, height = Math.round(high) - 2, ratio = Math.min(devicePixelRatio || 1, 2);
  const same = width === size.width && height === size.height && view.fit;
  size = { width, height, ratio };
  const fresh = picture.fit(width, height, ratio);
  if (places && !same) fitAll(places);
  return fresh || !same;
}

export function fitAll(places) {
  let wide = 0, high = 0;
  for (let i = 0; i < places.x.length; i++) { wide = Math.max(wide, places.x[i]); high = Math.max(high, places.y[i]); }
  const across = (size.width - 2 * MARGIN) / (wide || 1), fit = Math.min(across, (size.height - 2 * MARGIN) / (high || 1));
  view = { zoom: 1, x: wide / 2, y: high / 2, fit, wide: Math.min(WIDEST, across / fit) };
}

export function layOut(places) {
  const { width, height, ratio } = size, n = places.x.length, by = scale(), across = by * view.wide;
  if (x?.length !== n) { x = new Float32Array(n); y = new Float32Array(n); halves = new Uint8Array(n); }
  const least = Math.min(6, Math.max(1.4, 60 / n ** 0.4)) * view.zoom ** 0.35 * 2 * ratio;
  const left = width / 2 - view.x * across, top = height / 2 + view.y * by;
  for (let i = 0; i < n; i++) {
    x[i] = places.x[i] * across + left;
    y[i] = top - places.y[i] * by;
    const wide = least * (1 + 1.1 * Math.log10(places.count[i] || 1)), coarse = wide > 24 ? 4 : wide > 10 ? 2 : 1;
    halves[i] = Math.min(60, coarse * Math.round(wide / coarse)); // few sizes, so that few marks are made
  }
}

export function zoomAt(px, py, times) {
  const zoom = Math.min(80, Math.max(0.5, view.zoom * times));
  const dx = (px - size.width / 2) / scale() / view.wide, dy = (py - size.height / 2) / scale(), part = 1 - view.zoom / zoom;
  view = { ...view, zoom, x: view.x + dx * part, y: view.y - dy * part };
}

// Move the map under the pointer; where it was when it began is what `held` gave.
export const held = () => view;

export function pull(from, dx, dy) {
  view = { ...view, x: from.x - dx / scale() / view.wide, y: from.y + dy / scale() };
}

// Bring a point to the middle where it is out of sight; whether it was.
export function reveal(i, places) {
  if (x[i] >= 20 && y[i] >= 20 && x[i] <= size.width - 20 && y[i] <= size.height - 20) return false;
  view = { ...view, x: places.x[i], y: places.y[i] };
  layOut(places);
  return true;
}

export function paint(scene) {
  picture.paint({ ...scene, x, y, halves, surface: rgb("--surface") });
}

function circle(pen, i, more, width) {
  pen.beginPath();
  pen.arc(x[i], y[i], halves[i] / 2 / size.ratio + more, 0, 2 * Math.PI);
  pen.lineWidth = width;
  pen.stroke();
}

// Names of clusters where they fit, the largest first; more of them the nearer one is.
function drawNames(pen, names, ink, surface) {
  const taken = [];
  pen.font = `13px ${font}`;
  pen.textAlign = "center";
  pen.lineJoin = "round";
  for (const { name, x: px, y: py } of names.slice(0, Math.round(40 * Math.min(4, view.zoom)))) {
    const cx = (px - view.x) * scale() * view.wide + size.width / 2, cy = size.height / 2 - (py - view.y) * scale();
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

function drawLine(pen, line, colour) {
  pen.beginPath();
  for (const point of line) pen.lineTo(...point);
  pen.globalAlpha = 0.12;
  pen.fillStyle = colour;
  pen.fill("evenodd");
  pen.globalAlpha = 1;
  pen.lineWidth = 2;
  pen.stroke();
}

export function drawOver({ names, matches, shown, hovered, cursor, ring, line }) {
  const { width, height, ratio } = size, pen = over.getContext("2d");
  if (over.width !== Math.round(width * ratio) || over.height !== Math.round(height * ratio)) {
    over.width = Math.round(width * ratio);
    over.height = Math.round(height * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const ink = token("--ink"), accent = token("--accent");
  drawNames(pen, names, ink, token("--surface"));
  pen.strokeStyle = ink;
  for (let i = 0, left = 500; matches && i < x.length && left; i++) if (matches[i] && shown(i)) { circle(pen, i, 3, 1.5); left--; }
  if (hovered >= 0) circle(pen, hovered, 4, 2);
  pen.strokeStyle = accent;
  if (cursor >= 0) circle(pen, cursor, 5, 3);
  if (cursor >= 0 && ring) {
    pen.setLineDash([6, 4]);
    circle(pen, cursor, ring - halves[cursor] / 2 / ratio, 2);
    pen.setLineDash([]);
  }
  if (line) drawLine(pen, line, accent);
}

const sprites = new Map();

// How far inside its edge a place of a shape is, in pixels; less than 0 outside.
const INSIDE = {
  circle: (dx, dy, r) => r - Math.hypot(dx, dy),
  square: (dx, dy, r) => 0.87 * r - Math.max(Math.abs(dx), Math.abs(dy)),
  diamond: (dx, dy, r) => (1.2 * r - Math.abs(dx) - Math.abs(dy)) * Math.SQRT1_2,
  triangle: (dx, dy, r) => Math.min(0.8 * r - dy, (1.1 * r + dy - 1.9 * Math.abs(dx)) / 2.15),
  wedge: (dx, dy, r) => INSIDE.triangle(dx, -dy, r),
  cross: (dx, dy, r) => Math.min(0.9 * r - Math.max(Math.abs(dx), Math.abs(dy)), Math.max(0.8, r / 5) - Math.abs(Math.abs(dx) - Math.abs(dy)) * Math.SQRT1_2),
  ring: (dx, dy, r) => Math.max(0.7, r / 6) - Math.abs(r - Math.hypot(dx, dy)),
};

const share = (far) => Math.min(1, Math.max(0, far + 0.5));

// A mark of half as many pixels' radius: how much of each pixel it covers, of 256.
function sprite(shape, halves) {
  const small = halves < 6; // a shape of so few pixels is a dot
  const key = `${small ? "circle" : shape} ${halves}`;
  if (sprites.has(key)) return sprites.get(key);
  const r = halves / 2, half = Math.ceil(r * 1.2 + 1), inside = INSIDE[small ? "circle" : shape];
  const solid = small || shape === "cross" || shape === "ring", edge = Math.max(0.8, r / 6);
  const offsets = [], covers = [];
  for (let dy = -half; dy <= half; dy++) {
    for (let dx = -half; dx <= half; dx++) {
      const far = inside(dx, dy, r), cover = share(far) - (solid ? 0 : 0.3 * share(far - edge));
      if (cover < 0.04) continue;
      offsets.push(dx, dy);
      covers.push(Math.round(256 * cover));
    }
  }
  const made = { half, offsets, covers: Uint16Array.from(covers), width: 0, steps: null };
  sprites.set(key, made);
  return made;
}

// The sprite's pixels as steps in an image of this width.
function stepsOf(mark, width) {
  if (mark.width !== width) {
    mark.width = width;
    mark.steps = Int32Array.from(mark.covers, (_, n) => mark.offsets[2 * n + 1] * width + mark.offsets[2 * n]);
  }
  return mark.steps;
}

function word([r, g, b]) {
  return (255 << 24 | b << 16 | g << 8 | r) >>> 0;
}

function blend(pixels, at, steps, covers, colour) {
  const odd = colour & 0xff00ff, even = colour >>> 8 & 0xff;
  for (let n = 0; n < steps.length; n++) {
    const p = at + steps[n], a = covers[n];
    if (a === 256) { pixels[p] = colour; continue; }
    const under = pixels[p], b = 256 - a;
    const first = Math.imul(under & 0xff00ff, b) + Math.imul(odd, a) >>> 8 & 0xff00ff;
    const second = Math.imul(under >>> 8 & 0xff, b) + Math.imul(even, a) & 0xff00;
    pixels[p] = 0xff000000 | first | second;
  }
}

// Paints points straight into the pixels of a canvas: 100,000 marks in a few dozen milliseconds.
class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false });
  }

  fit(width, height, ratio) {
    this.ratio = ratio;
    const wide = Math.max(1, Math.round(width * ratio)), high = Math.max(1, Math.round(height * ratio));
    if (this.image?.width === wide && this.image.height === high) return false;
    this.canvas.width = wide;
    this.canvas.height = high;
    this.image = this.pen.createImageData(wide, high);
    this.pixels = new Uint32Array(this.image.data.buffer);
    return true;
  }

  // `strong` marks the points that stand out; where there are none, all do. The first points are
  // the most frequent labels: they come last, on top, and alone while `limit` holds.
  paint({ x, y, halves, of, groups, hidden, strong, surface, limit }) {
    this.pixels.fill(word(surface));
    const plain = groups.map(({ colour }) => word(colour));
    const pale = groups.map(({ colour }) => word(colour.map((value, n) => Math.round(value + (surface[n] - value) * 0.78))));
    this.pass(x, y, halves, of, groups, hidden, limit, strong ? pale : plain, strong, 0);
    if (strong) this.pass(x, y, halves, of, groups, hidden, limit, plain, strong, 1);
    this.pen.putImageData(this.image, 0, 0);
  }

  pass(x, y, halves, of, groups, hidden, limit, colours, strong, wanted) {
    const { width, height } = this.image, { ratio, pixels } = this;
    const known = groups.map(() => []);
    for (let i = limit - 1; i >= 0; i--) {
      const group = of[i];
      if (hidden[group] || (strong && strong[i] !== wanted)) continue;
      const mark = known[group][halves[i]] ??= sprite(groups[group].shape, halves[i]);
      const px = Math.round(x[i] * ratio - 0.5), py = Math.round(y[i] * ratio - 0.5);
      if (px < mark.half || py < mark.half || px >= width - mark.half || py >= height - mark.half) continue;
      blend(pixels, py * width + px, stepsOf(mark, width), mark.covers, colours[group]);
    }
  }
}
