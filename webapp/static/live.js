// A run as it goes: the server says what changed, and the page says it where it stands. A page in
// the background listens to nothing. What is still being computed is asked for again.
// Others hear on the document "live:shown" when a page has been asked for again, and "live:ended"
// when a run has ended and its page shows it.

const CHART_EVERY_MS = 5000;
const AGAIN_MS = 3000;
const LATER_MS = 15000;
let source = null;
let timer = null;
let drawn_ms = Date.now();

function stop() {
  source?.close();
  source = null;
  clearTimeout(timer);
}

function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

function show(section, { fields, share, version }) {
  for (const place of document.querySelectorAll("[data-field]")) {
    const text = fields[place.dataset.field];
    if (text !== undefined && place.textContent !== text) place.textContent = text;
    if (place.dataset.field === "state") place.className = `badge run-${text}`;
  }
  const bar = section.querySelector("progress");
  if (bar && share !== null) bar.value = share;
  if (Date.now() - drawn_ms < CHART_EVERY_MS) return;
  drawn_ms = Date.now();
  const images = document.querySelectorAll("[data-chart]");
  for (const image of images) image.src = `${image.dataset.chart}?n=${version}`;
  if (!images.length && version > 1 && !choosing()) reload(); // by now there may be something to draw
}

function stops() {
  return [...document.querySelectorAll("#content :is(a, button, summary, [tabindex])")];
}

function reload(done) {
  const xhr = new XMLHttpRequest();
  xhr.open("GET", location.pathname + location.search);
  xhr.responseType = "document";
  xhr.onload = () => {
    const fresh = xhr.response?.getElementById("content");
    if (xhr.status !== 200 || !fresh || document.documentElement.hasAttribute("data-busy")) return later();
    const at = stops().indexOf(document.activeElement);
    const address = document.activeElement?.getAttribute("href");
    const open = [...document.querySelectorAll("#content details")].map((one) => one.open);
    const held = document.activeElement?.closest("#content [id]")?.id;
    document.getElementById("content").replaceWith(document.adoptNode(fresh));
    [...document.querySelectorAll("#content details")].forEach((one, n) => { one.open = open[n] ?? one.open; });
    const same = stops()[at];
    if (same && same.getAttribute("href") === address) same.focus({ preventScroll: true });
    else if (held) document.getElementById(held)?.focus({ preventScroll: true });
    document.dispatchEvent(new Event("live:shown"));
    done?.();
    begin();
  };
  xhr.onerror = later;
  xhr.send();
}

function later() {
  stop();
  timer = setTimeout(begin, LATER_MS);
}

function follow(section) {
  const sign = section.querySelector("[data-live-sign]");
  source = new EventSource(section.dataset.live);
  source.onopen = () => { sign.hidden = false; };
  source.addEventListener("progress", (event) => show(section, JSON.parse(event.data)));
  source.addEventListener("end", (event) => {
    const { fields } = JSON.parse(event.data);
    stop();
    reload(() => {
      say(`The run has ended: ${fields.state}`);
      document.dispatchEvent(new Event("live:ended"));
    });
  });
  source.onerror = () => {
    sign.hidden = true;
    if (source?.readyState === EventSource.CLOSED) later(); // refused: too many listen, or it ended
  };
}

function choosing() {
  return Boolean(document.activeElement?.closest("#content form"));
}

function begin() {
  stop();
  if (document.hidden) return;
  const section = document.querySelector("[data-live]");
  if (section) follow(section);
  else if (document.querySelector("[data-pending]")) timer = setTimeout(() => (choosing() ? begin() : reload()), AGAIN_MS);
}

document.addEventListener("flow:shown", begin);
document.addEventListener("visibilitychange", begin);
addEventListener("pagehide", stop);
begin();
