// Pages without reloading: links and forms are fetched, and what they answer takes the page's
// place. A form that gets no answer is kept, and sent again with its number until it does.
// A card that a decision will lead to is fetched while one reads, shown as soon as one decides, and
// taken over by the answer; until that is there the page is busy, and whatever is pressed waits.
// Others hear of it by events on the document: "flow:shown" after a page, "flow:sent" after a form,
// "flow:ahead" after a card that was fetched before.

const OUTBOX = "mralign-outbox";
const WAITS_MS = [500, 1000, 2000, 4000, 5000];
const AWAY = [0, 502, 503, 504];
const NATIVE = ["/sign-in", "/sign-out", "/password"];
const root = document.documentElement;
export const person = document.body.dataset.person;
const offline = document.getElementById("offline");
let tries = 0;
let wakeUp = null;
let ahead = null;

function keep(request) {
  try {
    if (request) localStorage.setItem(OUTBOX, JSON.stringify({ ...request, person }));
    else localStorage.removeItem(OUTBOX);
  } catch { /* a browser that keeps nothing still sends */ }
}

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(OUTBOX));
    return found?.person === person ? found : null;
  } catch {
    return null;
  }
}

function modules(page) {
  return [...page.querySelectorAll("script[src]")].map((script) => new URL(script.getAttribute("src"), location.href).href).sort().join();
}

function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

function swap(page, request) {
  for (const selector of [".top", "#content", "#section"]) {
    const [old, fresh] = [document.querySelector(selector), page.querySelector(selector)];
    if (!old.isEqualNode(fresh)) old.replaceWith(document.adoptNode(fresh));
  }
  for (const { name, value } of page.body.attributes) document.body.setAttribute(name, value);
  document.title = page.title;
  const hash = request.hash && document.getElementById(request.hash.slice(1));
  if (hash && !request.pop) {
    location.replace(request.hash); // only this makes it the :target
    history.replaceState({ y: scrollY }, "");
  }
  const target = document.querySelector("#content [autofocus]") ?? document.getElementById("content");
  if (hash) hash.scrollIntoView();
  else if (!request.stay) scrollTo(0, request.y ?? 0);
  target.focus({ preventScroll: Boolean(hash) || target.id === "content" });
  if (!request.silent) say(document.querySelector("#content .notice p")?.textContent ?? document.querySelector("h1")?.textContent ?? "");
}

function answered(xhr, request) {
  const page = xhr.response;
  tries = 0;
  offline.hidden = true;
  const address = new URL(xhr.getResponseHeader("Content-Location") ?? xhr.responseURL, location.href).href;
  const moved = request.method === "GET" || address !== new URL(request.url, location.href).href;
  if (request.method === "POST") {
    keep(null);
    if (xhr.status < 400) document.dispatchEvent(new CustomEvent("flow:sent", { detail: request.url }));
  }
  if (!fits(page, xhr.status >= 400)) {
    location.assign(moved ? address + (request.hash ?? "") : location.href);
    return;
  }
  if (moved && !request.pop) {
    if ((history.state?.y ?? 0) !== scrollY) history.replaceState({ y: scrollY }, "");
    if (address === location.href) history.replaceState({ y: 0 }, "", address);
    else history.pushState({ y: 0 }, "", address);
  }
  swap(page, request);
  root.removeAttribute("data-busy");
  document.dispatchEvent(new Event("flow:shown"));
  lookAhead();
}

// A refusal is shown where one is, whatever modules the page that was refused has.
function fits(page, refused = false) {
  return page?.getElementById("content") && page.body.dataset.person && (refused || modules(page) === modules(document));
}

function lookAhead() {
  ahead?.xhr.abort();
  ahead = null;
  const link = document.querySelector("#content [data-ahead]");
  if (!link || !person) return;
  const xhr = new XMLHttpRequest();
  ahead = { xhr, page: null };
  xhr.open("GET", link.href);
  xhr.responseType = "document";
  xhr.onload = () => {
    if (xhr.status === 200 && fits(xhr.response) && ahead?.xhr === xhr) ahead.page = xhr.response;
  };
  xhr.send();
}

// The answer brings the same card with what was done and the new revision; it comes to the place
// of a line that is as high.
function showAhead() {
  const page = ahead?.page;
  ahead?.xhr.abort();
  ahead = null;
  if (!page) return;
  const notice = document.createElement("div");
  notice.className = "notice waiting";
  notice.append(Object.assign(document.createElement("p"), { textContent: "Writing it down…" }));
  page.querySelector(".version-head")?.after(notice);
  swap(page, { silent: true });
  document.dispatchEvent(new Event("flow:ahead"));
}

function unanswered(request) {
  const wait_ms = WAITS_MS[Math.min(tries, WAITS_MS.length - 1)];
  tries += 1;
  root.setAttribute("data-busy", "offline");
  offline.textContent = request.method === "POST"
    ? "The server does not answer. What you sent is kept, and goes out again by itself. Keys wait for it."
    : "The server does not answer. Trying again by itself. Keys wait for it.";
  offline.hidden = false;
  const timer = setTimeout(() => wakeUp?.(), wait_ms);
  wakeUp = () => {
    clearTimeout(timer);
    wakeUp = null;
    send(request);
  };
}

function send(request) {
  const xhr = new XMLHttpRequest();
  xhr.open(request.method, request.url);
  xhr.responseType = "document";
  xhr.timeout = 20000;
  xhr.onload = () => (AWAY.includes(xhr.status) ? unanswered(request) : answered(xhr, request));
  xhr.onerror = xhr.ontimeout = () => unanswered(request);
  if (request.method === "POST") {
    xhr.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    xhr.setRequestHeader("Prefer", "return=representation"); // the page itself, not the way to it
  }
  xhr.send(request.body ?? null);
}

function visit(request) {
  if (root.hasAttribute("data-busy")) return;
  root.setAttribute("data-busy", "");
  if (request.method === "POST") keep(request);
  send(request);
  if (request.advances) showAhead();
}

function onSubmit(event) {
  const { target: form, submitter } = event;
  const method = (submitter?.getAttribute("formmethod") ?? form.method).toUpperCase();
  const address = new URL(submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? location.pathname, location.href);
  if (method === "DIALOG" || event.defaultPrevented || NATIVE.includes(address.pathname) || !person) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, submitter));
  if (method === "GET") visit({ method, url: `${address.pathname}?${fields}` });
  else visit({ method, url: address.pathname + address.search, body: String(fields), stay: form.hasAttribute("data-stay"), advances: submitter?.hasAttribute("data-advance") });
}

function openBeside(address) {
  const dialog = document.getElementById("beside");
  const xhr = new XMLHttpRequest();
  xhr.open("GET", address);
  xhr.responseType = "document";
  xhr.onerror = () => location.assign(address);
  xhr.onload = () => {
    const part = xhr.response?.querySelector("[data-part]");
    if (!part) return location.assign(address);
    dialog.querySelector("[data-beside]").replaceChildren(document.adoptNode(part));
    dialog.showModal();
  };
  xhr.send();
}

function onClick(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.defaultPrevented) return;
  if (!person || link.origin !== location.origin || link.hasAttribute("download") || link.target) return;
  if (link.pathname === location.pathname && link.search === location.search && link.hash) return;
  if (NATIVE.includes(link.pathname) || link.pathname.endsWith(".svg") || link.hasAttribute("data-keys-open")) return;
  event.preventDefault();
  if (link.hasAttribute("data-dialog")) openBeside(link.href);
  else visit({ method: "GET", url: link.pathname + link.search, hash: link.hash });
}

document.addEventListener("submit", onSubmit);
document.addEventListener("click", onClick);
addEventListener("online", () => wakeUp?.());
addEventListener("popstate", (event) => {
  if (event.state) visit({ method: "GET", url: location.pathname + location.search, hash: location.hash, pop: true, y: event.state.y });
});
if (!history.state) history.replaceState({ y: 0 }, "");
const unsent = person ? kept() : null;
if (unsent) visit(unsent);
else lookAhead();
