// Paints points straight into the pixels of a canvas: 100,000 marks in a few dozen milliseconds.

const sprites = new Map();

function outline(pen, shape, c, r) {
  pen.beginPath();
  if (shape === "square") pen.rect(c - r * 0.85, c - r * 0.85, r * 1.7, r * 1.7);
  else if (shape === "triangle") { pen.moveTo(c, c - r * 1.1); pen.lineTo(c + r, c + r * 0.8); pen.lineTo(c - r, c + r * 0.8); pen.closePath(); }
  else if (shape === "wedge") { pen.moveTo(c, c + r * 1.1); pen.lineTo(c + r, c - r * 0.8); pen.lineTo(c - r, c - r * 0.8); pen.closePath(); }
  else if (shape === "diamond") { pen.moveTo(c, c - r * 1.15); pen.lineTo(c + r * 1.15, c); pen.lineTo(c, c + r * 1.15); pen.lineTo(c - r * 1.15, c); pen.closePath(); }
  else if (shape === "cross") { pen.moveTo(c - r * 0.8, c - r * 0.8); pen.lineTo(c + r * 0.8, c + r * 0.8); pen.moveTo(c + r * 0.8, c - r * 0.8); pen.lineTo(c - r * 0.8, c + r * 0.8); }
  else pen.arc(c, c, r, 0, 2 * Math.PI);
}

// A mark of half as many pixels' radius: how much of each pixel it covers, of 256.
function sprite(shape, halves) {
  const small = halves < 6; // a shape of so few pixels is a dot
  const key = `${small ? "circle" : shape} ${halves}`;
  if (sprites.has(key)) return sprites.get(key);
  const r = halves / 2, size = 2 * Math.ceil(r * 1.2 + 1) + 1, c = size / 2;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  outline(pen, small ? "circle" : shape, c, r);
  const open = !small && (shape === "cross" || shape === "ring");
  pen.lineWidth = open ? Math.max(1.2, r / 3) : Math.max(0.8, r / 6);
  pen.globalAlpha = small ? 0.92 : 0.7;
  if (!open) pen.fill();
  pen.globalAlpha = 1;
  if (!small) pen.stroke();
  const data = pen.getImageData(0, 0, size, size).data, offsets = [], covers = [];
  const half = (size - 1) / 2;
  for (let p = 0; p < size * size; p++) {
    if (data[4 * p + 3] < 12) continue;
    offsets.push(p % size - half, Math.floor(p / size) - half);
    covers.push(Math.min(256, data[4 * p + 3] + 1));
  }
  const made = { half, offsets: Int16Array.from(offsets), covers: Uint16Array.from(covers), width: 0, steps: null };
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

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false });
  }

  fit(width, height, ratio) {
    this.ratio = ratio;
    const wide = Math.max(1, Math.round(width * ratio)), high = Math.max(1, Math.round(height * ratio));
    if (this.image?.width === wide && this.image.height === high) return;
    this.canvas.width = wide;
    this.canvas.height = high;
    this.image = this.pen.createImageData(wide, high);
    this.pixels = new Uint32Array(this.image.data.buffer);
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

export function swatch(canvas, { shape, colour }) {
  canvas.width = canvas.height = 32;
  const pen = canvas.getContext("2d");
  pen.strokeStyle = pen.fillStyle = `rgb(${colour})`;
  pen.lineWidth = shape === "cross" || shape === "ring" ? 5 : 3;
  outline(pen, shape, 16, 11);
  pen.globalAlpha = 0.7;
  if (shape !== "cross" && shape !== "ring") pen.fill();
  pen.globalAlpha = 1;
  pen.stroke();
}
