// Paints points straight into the pixels of a canvas: 100,000 marks in a few dozen milliseconds.

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

export class Picture {
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
