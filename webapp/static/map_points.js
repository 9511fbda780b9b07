// What the map shows: arrays of the labels, and the groups that they are coloured by.

export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "ring", "wedge"];
const NOWHERE = 65535, NO_CATEGORY = 255, NOISE = 254;
const MOST_CLUSTERS = 24; // with a group of their own; the rest share one
const BINS = [["up to 20 %", "ring"], ["20 to 40 %", "circle"], ["40 to 60 %", "square"], ["60 to 80 %", "diamond"], ["over 80 %", "triangle"]];

// A frame: 4 bytes that say how long its JSON head is, the head, then the arrays that it names.
export async function load(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${response.status} of ${address}`);
  const buffer = await response.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const { arrays, ...head } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  for (const [name, type, count] of arrays) {
    const array = new globalThis[type](buffer, at, count);
    head[name] = array;
    at += Math.ceil(array.byteLength / 8) * 8;
  }
  return { ...head, tag: response.headers.get("ETag") };
}

function fade(colour, other, share) {
  return colour.map((value, place) => Math.round(value + (other[place] - value) * share));
}

// A hue, one of three tones of it, and a shape: 126 ways, told apart without seeing hues.
function look(inks, hue, tone, shape) {
  const colour = inks.hues[hue % inks.hues.length];
  const toned = [colour, fade(colour, inks.ink, 0.38), fade(colour, inks.surface, 0.3)][tone % 3];
  return { colour: toned, shape: SHAPES[shape % SHAPES.length] };
}

function byCategory(state, inks) {
  const places = new Map();
  const groups = state.categories.map(([, name, macro, hue]) => {
    const place = places.get(macro) ?? 0;
    places.set(macro, place + 1);
    return { name, note: macro, ...look(inks, hue, place, place) };
  });
  const none = groups.length, noise = none + 1;
  groups.push({ name: "no category", colour: inks.none, shape: "cross" }, { name: "no cluster", colour: inks.none, shape: "ring" });
  return [groups, (i) => (state.category[i] === NO_CATEGORY ? none : state.category[i] === NOISE ? noise : state.category[i])];
}

function byCluster(state, inks) {
  const named = state.clusters.slice(0, MOST_CLUSTERS);
  const groups = named.map(([, name], n) => ({ name: name || "unnamed", ...look(inks, n, Math.floor(n / 6), n + Math.floor(n / 6)) }));
  const other = groups.length, none = other + 1;
  groups.push({ name: "other clusters", colour: inks.none, shape: "circle" }, { name: "no cluster", colour: inks.none, shape: "ring" });
  return [groups, (i) => (state.cluster[i] === NOWHERE ? none : Math.min(state.cluster[i], other))];
}

function byDoubt(state, inks) {
  const groups = BINS.map(([name, shape], n) => ({ name, shape, colour: fade(inks.hues[0], inks.hues[1], n / 4) }));
  return [groups, (i) => Math.min(Math.floor(Math.max(state.doubt[i] - 1, 0) / 20), 4)];
}

function byReviewer(state, inks) {
  const groups = state.people.map((name, n) => (n ? { name, ...look(inks, n - 1, Math.floor((n - 1) / 6), n) } : { name, colour: inks.none, shape: "ring" }));
  return [groups, (i) => state.who[i]];
}

const MODES = { category: byCategory, cluster: byCluster, doubt: byDoubt, reviewer: byReviewer };

// The groups of a way to colour, with how many labels each has, and the group of every label.
export function colourBy(mode, state, inks) {
  const [groups, groupOf] = MODES[mode](state, inks);
  const of = new Uint16Array(state.cluster.length);
  for (const group of groups) group.count = 0;
  for (let i = 0; i < of.length; i++) groups[of[i] = groupOf(i)].count++;
  return { groups, of };
}

// Where each cluster's name may stand: the middle of its instances, the largest cluster first.
export function middles(places, state) {
  const sums = state.clusters.map(([, name]) => ({ name, x: 0, y: 0, weight: 0 }));
  for (let i = 0; i < state.cluster.length; i++) {
    const sum = sums[state.cluster[i]];
    if (!sum) continue;
    sum.x += places.x[i] * places.count[i];
    sum.y += places.y[i] * places.count[i];
    sum.weight += places.count[i];
  }
  return sums.map(({ name, x, y, weight }) => ({ name, x: x / weight, y: y / weight }));
}

export function describe(i, places, state, text) {
  const cluster = state.clusters[state.cluster[i]]?.[1] ?? "no cluster";
  const category = state.categories[state.category[i]]?.[1] ?? "no category";
  const who = state.who[i] ? ` · ${state.people[state.who[i]]}` : "";
  return `${text}\n${places.count[i]} instances · ${cluster} · ${category} · doubt ${state.doubt[i]} %${who}`;
}
