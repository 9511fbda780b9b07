// Which points are meant: by a drawn line, by a ring, by a direction, by what they say; and what
// is selected, and what the search found.

const board = document.createElement("canvas");
const pen = board.getContext("2d", { willReadFrequently: true });

// The points inside a drawn line, told to `take`. The area is painted once and looked up for each
// point: this takes as long for a long line as for a short one.
export function inLasso(line, { x, y, shown }, take) {
  const left = Math.floor(Math.min(...line.map((p) => p[0]))), top = Math.floor(Math.min(...line.map((p) => p[1])));
  const wide = Math.ceil(Math.max(...line.map((p) => p[0]))) - left + 1, high = Math.ceil(Math.max(...line.map((p) => p[1]))) - top + 1;
  board.width = wide;
  board.height = high;
  pen.beginPath();
  for (const [px, py] of line) pen.lineTo(px - left, py - top);
  pen.fill("evenodd");
  const { data } = pen.getImageData(0, 0, wide, high);
  for (let i = 0; i < x.length; i++) {
    const px = Math.floor(x[i]) - left, py = Math.floor(y[i]) - top;
    if (px >= 0 && py >= 0 && px < wide && py < high && data[4 * (py * wide + px) + 3] > 127 && shown(i)) take(i);
  }
}

export function inRing(centre, radius, { x, y, shown }, take) {
  const cx = x[centre], cy = y[centre], most = radius * radius;
  for (let i = 0; i < x.length; i++) {
    if ((x[i] - cx) ** 2 + (y[i] - cy) ** 2 <= most && shown(i)) take(i);
  }
}

// The nearest point within reach of a place; on a tie the more frequent label.
export function nearest(px, py, reach, { x, y, halves, ratio, shown }) {
  let best = -1, least = Infinity;
  for (let i = 0; i < x.length; i++) {
    const far = (x[i] - px) ** 2 + (y[i] - py) ** 2;
    if (far < least && far <= (halves[i] / 2 / ratio + reach) ** 2 && shown(i)) { best = i; least = far; }
  }
  return best;
}

// The next point in a direction: near, and rather ahead than aside.
export function ahead(from, dx, dy, { x, y, shown }) {
  let best = -1, least = Infinity;
  for (let i = 0; i < x.length; i++) {
    const along = (x[i] - x[from]) * dx + (y[i] - y[from]) * dy;
    if (along <= 0.5) continue;
    const aside = Math.abs((x[i] - x[from]) * dy) + Math.abs((y[i] - y[from]) * dx);
    if (aside <= 1.2 * along && along + 2 * aside < least && shown(i)) { best = i; least = along + 2 * aside; }
  }
  return best;
}

// The numbers as a form takes them: 1 to 5 and 9 as "1-5,9".
export function ranges(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b), parts = [];
  for (let n = 0; n < sorted.length; n++) {
    const first = sorted[n];
    while (sorted[n + 1] === sorted[n] + 1) n++;
    parts.push(sorted[n] === first ? `${first}` : `${first}-${sorted[n]}`);
  }
  return parts.join();
}

// A mark for each label: whether it is selected, whether it was found.
export class Choice {
  constructor(size) {
    this.chosen = new Uint8Array(size);
    this.matches = new Uint8Array(size);
    this.count = this.instances = this.found = 0;
    this.current = -1; // the match that the search stands on
  }

  // What stands out from the rest; nothing where all are alike.
  get strong() {
    return this.count ? this.chosen : this.found ? this.matches : null;
  }

  // Without a key the selection begins anew; Shift adds to it, Alt takes out of it.
  change({ shiftKey, altKey }, pick) {
    if (!shiftKey && !altKey) this.chosen.fill(0);
    pick((i) => { this.chosen[i] = altKey ? 0 : 1; });
  }

  tally(instances) {
    this.count = this.instances = 0;
    for (let i = 0; i < this.chosen.length; i++) if (this.chosen[i]) { this.count++; this.instances += instances[i]; }
  }

  search(texts, wanted) {
    this.matches.fill(0);
    this.found = 0;
    this.current = -1;
    for (let i = 0; wanted && i < texts.length; i++) if (texts[i].includes(wanted)) { this.matches[i] = 1; this.found++; }
  }

  // The next match, from the first again after the last; -1 where there is none.
  next() {
    if (!this.found) return -1;
    do this.current = (this.current + 1) % this.matches.length; while (!this.matches[this.current]);
    return this.current;
  }
}
