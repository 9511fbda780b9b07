// Labels by keys: a letter puts a category on the segment that is marked, Enter keeps them and goes
// on. What is kept is sent in order, one form at a time, and stays in the browser until it arrived.

const MOST = 2;
const WAITS_MS = [500, 1000, 2000, 4000];
const OUTBOX = `mralign-labels-${document.body.dataset.person}`;
let root = null;
let cards = [];
let at = 0;
let past = [];
let sending = null;
let finishing = false;

function read() {
  try {
    return JSON.parse(localStorage.getItem(OUTBOX)) ?? [];
  } catch {
    return [];
  }
}

let outbox = read();

function write() {
  try {
    if (outbox.length) localStorage.setItem(OUTBOX, JSON.stringify(outbox));
    else localStorage.removeItem(OUTBOX);
  } catch { /* a browser that keeps nothing still sends */ }
}

function say(text) {
  const hint = root.querySelector("[data-hint]");
  if (hint) hint.textContent = text;
  document.getElementById("said").textContent = text;
}

function number() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function warn(text) {
  const place = document.getElementById("offline");
  place.textContent = text;
  place.hidden = !text;
}

async function deliver(item) {
  const body = new URLSearchParams(item.fields);
  body.set("csrf_token", root.dataset.token);
  const answer = await fetch(item.address, { method: "POST", body, redirect: "manual", keepalive: true });
  if ([502, 503, 504].includes(answer.status)) throw new Error("away");
  return answer.status;
}

async function empty() {
  for (let tries = 0; outbox.length;) {
    try {
      const status = await deliver(outbox[0]);
      outbox.shift();
      write();
      tries = 0;
      warn(status >= 400 ? "A label was refused. Reload the page to see what is kept." : "");
    } catch {
      warn("The server does not answer. What you labelled is kept here, and goes out again by itself.");
      const wait_ms = WAITS_MS[Math.min(tries, WAITS_MS.length - 1)];
      tries += 1;
      await new Promise((done) => setTimeout(done, wait_ms));
    }
  }
  sending = null;
}

function pump() {
  sending ??= outbox.length ? empty() : null;
  return sending ?? Promise.resolve();
}

function send(card, labels) {
  const fields = [["decision", number()], ["segment", card.position], ["quiet", "yes"]];
  if (labels === null) fields.push(["back", "yes"]);
  for (const [key, sure] of labels ?? []) fields.push(["category", key], ["confidence", sure]);
  outbox.push({ address: root.dataset.address, fields });
  write();
  pump();
}

function colour(button) {
  return [...button.classList].find((name) => name.startsWith("macro-"));
}

function chip(name, tone, sure) {
  const made = document.createElement("span");
  const text = document.createElement("bdi");
  made.className = `chip ${tone}`;
  text.textContent = name;
  made.append(text);
  if (sure !== undefined) {
    const count = document.createElement("span");
    count.className = "count";
    count.textContent = ` ${Number(sure.toFixed(1))}`;
    made.append(count);
  }
  return made;
}

function button(key) {
  return [...root.querySelectorAll("[data-category]")].find((one) => one.dataset.category === key);
}

function nameOf(one) {
  return one.querySelector("bdi").textContent;
}

function standing(card) {
  if (card.touched) return "not kept yet";
  if (card.saved) return "✓ kept";
  return card.labels ? "proposed" : "not labelled yet";
}

function paint(card) {
  const given = (card.labels ?? []).map(([key, sure]) => chip(nameOf(button(key)), colour(button(key)), sure));
  if (card.labels && !given.length) given.push(chip("no label", "macro-none"));
  const first = card.labels?.[0];
  card.element.querySelector("[data-given]").replaceChildren(...given);
  const offers = card.element.querySelector("[data-offers]");
  if (offers) offers.hidden = "prefilled" in root.dataset && !card.touched;
  card.element.querySelector("[data-standing]").textContent = standing(card);
  card.element.className = `segment ${first ? colour(button(first[0])) : "macro-none"}${card.saved && !card.touched ? " kept" : ""}`;
}

function paintPalette() {
  const on = (cards[at].labels ?? []).map(([key]) => key);
  for (const one of root.querySelectorAll("[data-category]")) one.setAttribute("aria-pressed", String(on.includes(one.dataset.category)));
}

function mark(place) {
  cards[at].element.removeAttribute("aria-current");
  at = place;
  const { element } = cards[at];
  element.setAttribute("aria-current", "true");
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: "nearest" });
  paintPalette();
}

function change(labels, last) {
  const card = cards[at];
  Object.assign(card, { labels, touched: true, last });
  paint(card);
  paintPalette();
}

// The first category on labels that nobody touched starts afresh: what was proposed goes.
function toggle(key) {
  const card = cards[at];
  const now = card.labels ?? [];
  const has = now.some(([one]) => one === key);
  if (has) return change(now.filter(([one]) => one !== key), null);
  const kept = card.touched ? now : [];
  if (kept.length === MOST) return say("Two at most: take one off first.");
  return change([...kept, [key, Number(root.dataset.confidence)]], key);
}

function adjust(step) {
  const { labels, last } = cards[at];
  if (!labels?.length) return;
  const only = labels.some(([key]) => key === last) ? last : null;
  const moved = labels.map(([key, sure]) => [key, only && key !== only ? sure : Math.min(10, Math.max(0, Math.round(sure) + step))]);
  change(moved, last);
}

function take(digit) {
  const offer = cards[at].offers[digit];
  if (offer) change(offer.map((label) => [...label]), null);
  return Boolean(offer);
}

function isOpen(card) {
  return !card.saved || card.touched;
}

function advance() {
  const order = [...cards.keys()];
  const next = [...order.slice(at + 1), ...order.slice(0, at + 1)].find((place) => isOpen(cards[place]));
  if (next !== undefined) return mark(next);
  paintPalette();
  return say("Every segment is labelled. Enter goes on.");
}

async function finish() {
  if (finishing) return;
  finishing = true;
  await pump();
  const form = root.querySelector("[data-finish]");
  if (form) form.requestSubmit();
  else root.querySelector("[data-onward]").click();
}

function keep() {
  const card = cards[at];
  if (!isOpen(card)) return cards.some(isOpen) ? advance() : finish();
  if (!card.labels) return say("Choose a category, or 0 for none.");
  past.push({ place: at, before: card.saved });
  card.saved = card.labels.map((label) => [...label]);
  card.touched = false;
  paint(card);
  send(card, card.saved);
  return advance();
}

function undo() {
  const last = past.pop();
  if (!last) return say("Nothing to undo on this page.");
  const card = cards[last.place];
  const proposal = Object.values(card.offers)[0];
  const again = last.before ?? ("prefilled" in root.dataset && proposal ? proposal : null);
  Object.assign(card, { saved: last.before, labels: again && again.map((label) => [...label]), touched: false, last: null });
  paint(card);
  send(card, last.before);
  mark(last.place);
  return say("Taken back.");
}

const DEEDS = { none: () => change([], null), less: () => adjust(-1), more: () => adjust(1), undo, keep };

function deedOf(key) {
  const fixed = { 0: "none", "-": "less", "+": "more", "=": "more", Enter: "keep", [root.dataset.undo]: "undo" };
  return DEEDS[fixed[key]];
}

function move(step) {
  mark(Math.min(Math.max(at + step, 0), cards.length - 1));
}

function handle(key) {
  if (key === "Enter" && document.activeElement.closest("a, button, summary")) return false;
  const category = [...root.querySelectorAll("[data-letter]")].find((one) => one.dataset.letter === key);
  if (category) return toggle(category.dataset.category), true;
  if (key === document.body.dataset.boundNext) return move(1), true;
  if (key === document.body.dataset.boundPrevious) return move(-1), true;
  if (take(key)) return true;
  const deed = deedOf(key);
  if (deed) deed();
  return Boolean(deed);
}

function onClick(event) {
  const one = event.target.closest("[data-category], [data-deed], [data-offer], [data-segment]");
  if (!one || event.target.closest("a, form")) return;
  const card = one.closest("[data-segment]");
  const place = cards.findIndex(({ element }) => element === card);
  if (place >= 0) mark(place);
  if (one.dataset.offer) take(one.dataset.offer);
  if (one.dataset.category) toggle(one.dataset.category);
  if (one.dataset.deed) DEEDS[one.dataset.deed]();
  if (!finishing) cards[at].element.focus({ preventScroll: true });
}

function cardOf(element) {
  const { saved, offers } = JSON.parse(element.dataset.state);
  const proposal = "prefilled" in root.dataset ? Object.values(offers)[0] : undefined;
  const labels = (saved ?? proposal ?? null)?.map((label) => [...label]) ?? null;
  return { element, position: element.dataset.segment, saved, offers, labels, touched: false, last: null };
}

function start() {
  root = document.querySelector("[data-labeling]");
  cards = [];
  past = [];
  at = 0;
  finishing = false;
  if (!root) return;
  const left = outbox.some(({ address }) => address === root.dataset.address);
  pump().then(() => left && location.reload());
  cards = [...root.querySelectorAll("[data-segment]")].map(cardOf);
  if (!cards.length) return;
  root.addEventListener("click", onClick);
  cards.forEach(paint);
  mark(Math.max(cards.findIndex(isOpen), 0));
}

document.addEventListener("keys:pressed", (event) => {
  if (root?.isConnected && cards.length && handle(event.detail)) event.preventDefault();
});
document.addEventListener("keys:listed", ({ detail }) => {
  if (!root?.isConnected || !cards.length) return;
  for (const one of root.querySelectorAll("[data-letter]:not([data-letter=''])")) detail.push([one.dataset.letter, `${nameOf(one)}, on or off`]);
  detail.push(["1, 2", "take what is offered"], ["0", "no label"], ["+ -", "surer, less sure"], [root.dataset.undo, "undo"], ["Enter", "keep the labels, and go on"]);
});
document.addEventListener("flow:shown", start);
start();
