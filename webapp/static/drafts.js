// What is typed is kept until it is sent: across a crash of the tab, of the browser, of the server.

import { person } from "./flow.js";

const STORE = `mralign-drafts-${person}`;
const TYPED = "#content form[method=post] :is(textarea, input:not([type]), input[type=search])";

function read() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
}

function write(drafts) {
  try {
    if (Object.keys(drafts).length) localStorage.setItem(STORE, JSON.stringify(drafts));
    else localStorage.removeItem(STORE);
  } catch { /* a browser that keeps nothing loses nothing but the draft */ }
}

// The search part tells forms apart that have one address: a reason is for what it was typed at.
function place(link) {
  const url = new URL(link, location.href);
  return url.pathname + url.search;
}

function address(form) {
  return place(form.getAttribute("action") ?? location.pathname);
}

function remember(event) {
  const field = event.target;
  if (!person || !field.matches?.(TYPED) || !field.name || field.autocomplete === "off") return;
  const drafts = read();
  const form = field.form;
  const place = address(form);
  const draft = drafts[place] ?? { revision: form.elements.revision?.value ?? "", fields: {} };
  if (field.value === field.defaultValue) delete draft.fields[field.name];
  else draft.fields[field.name] = field.value;
  if (Object.keys(draft.fields).length) drafts[place] = draft;
  else delete drafts[place];
  write(drafts);
}

function forget(place) {
  const drafts = read();
  delete drafts[place];
  write(drafts);
}

function tell(form, place, draft) {
  const note = document.createElement("p");
  const button = document.createElement("button");
  const since = form.elements.revision?.value;
  note.className = "note draft";
  note.textContent = draft.revision && since !== draft.revision
    ? `What you had typed at revision ${draft.revision} is back; the version has changed since. `
    : "What you had typed is back. ";
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Discard it";
  button.addEventListener("click", () => {
    forget(place);
    form.reset();
    note.remove();
  });
  note.append(button);
  form.append(note);
  form.closest("details")?.setAttribute("open", "");
}

function restore() {
  const drafts = read();
  for (const form of document.querySelectorAll("#content form[method=post]")) {
    const place = address(form);
    const draft = drafts[place];
    if (!draft) continue;
    let back = false;
    for (const [name, value] of Object.entries(draft.fields)) {
      const field = [...form.elements].find((one) => one.name === name && one.matches(TYPED));
      if (!field || field.value !== field.defaultValue || field.value === value) continue;
      field.value = value;
      back = true;
    }
    if (back) tell(form, place, draft);
  }
}

document.addEventListener("input", remember);
document.addEventListener("flow:shown", restore);
document.addEventListener("flow:sent", (event) => forget(place(event.detail)));
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action") === "/sign-out") write({});
});
if (person) restore();
