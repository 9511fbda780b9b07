// Keys: every element that names one with data-key is pressed by it; data-focus-key focuses.
// Nothing fires while somebody types in a field, nor with Ctrl, Alt or Meta held. Keys that are
// pressed while a page is on its way wait for it: none is lost, at any speed.

const SWITCH = "mralign-single-keys";
const dialog = document.getElementById("keys");
const pressed = [];
let waiting = 0; // for the second key of two, by the number of the timer that ends it

function bound(name) {
  return document.body.dataset[`bound${name}`];
}

function isBusy() {
  return document.documentElement.hasAttribute("data-busy");
}

function isOn() {
  return localStorage.getItem(SWITCH) !== "off";
}

function takesText(element) {
  if (!element) return false;
  if (element.isContentEditable || /^(TEXTAREA|SELECT)$/.test(element.tagName)) return true;
  return element.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(element.type);
}

function press(element) {
  if (element instanceof HTMLInputElement) {
    element.checked = true;
    element.focus();
  } else {
    element.click();
  }
}

function focusFirst(element) {
  const target = element.hasAttribute("data-first-tick") ? element.querySelector("input") : element;
  target?.focus();
  if (target?.select) target.select();
}

function moveRow(step) {
  const all = [...document.querySelectorAll("[data-rows] :is(tbody th a, a[data-row])")];
  const links = all.filter((link) => link.checkVisibility());
  if (!links.length) return false;
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
  links[Math.min(Math.max(next, 0), links.length - 1)].focus();
  return true;
}

function confirmForm() {
  const form = document.querySelector("form[data-enter]");
  if (!form) return false;
  form.requestSubmit(form.querySelector("button.primary"));
  return true;
}

// Where two forms bind one key, the form with the focus is meant.
function find(key, name) {
  const all = [...document.querySelectorAll(`[${name}]`)].filter((found) => found.getAttribute(name) === key);
  return all.find((found) => found.form && found.form === document.activeElement?.form) ?? all[0];
}

function isIdle() {
  return document.activeElement === document.body || document.activeElement.id === "content";
}

// The board: a letter moves the ticked clusters, else the one with the focus; y accepts a lane.
function moveTo(button) {
  if (!document.querySelector("input[form=move]:checked")) {
    const row = (document.activeElement.closest("li") ?? document.querySelector("[data-at]")?.closest("li"))?.querySelector("input[form=move]");
    if (!row) return false;
    row.checked = true;
  }
  button.click();
  return true;
}

function acceptLane() {
  const lane = document.activeElement.closest("[data-lane]");
  const button = lane?.querySelector("[data-accept]") ?? document.querySelector("[data-accept]");
  button?.click();
  return Boolean(button);
}

// A page with keys of its own hears "keys:pressed" first, and adds to the list on "keys:listed".
function act(key) {
  if (!document.dispatchEvent(new CustomEvent("keys:pressed", { detail: key, cancelable: true }))) return true;
  if (key === "Enter" && !isIdle()) return false;
  const move = find(key, "data-move");
  if (move) return moveTo(move);
  if (key === bound("Lane") && document.querySelector("[data-lane]")) return acceptLane();
  const focused = find(key, "data-focus-key");
  if (focused) return focusFirst(focused), true;
  const element = find(key, "data-key");
  if (element) return element.hasAttribute("data-first-tick") ? focusFirst(element) : press(element), true;
  if (key === bound("Next") || key === bound("Previous")) return moveRow(key === bound("Next") ? 1 : -1);
  if (key === "Enter") return confirmForm();
  return false;
}

function go(key) {
  const link = find(key, "data-go");
  if (link) link.click();
  return Boolean(link);
}

function describe() {
  const rows = [["?", "show these keys"]];
  for (const element of document.querySelectorAll("[data-key], [data-focus-key], [data-move]")) {
    rows.push([element.getAttribute("data-key") ?? element.getAttribute("data-focus-key") ?? element.getAttribute("data-move"), element.getAttribute("data-key-name")]);
  }
  const form = document.querySelector("form[data-enter]");
  if (form) rows.push(["Enter", form.getAttribute("data-key-name")]);
  document.dispatchEvent(new CustomEvent("keys:listed", { detail: rows }));
  if (document.querySelector("[data-accept]")) rows.push([bound("Lane"), "accept the lane with the focus, else the first"]);
  if (document.querySelector("[data-rows]")) rows.push([`${bound("Next")} ${bound("Previous")}`, "next and previous row"]);
  for (const link of document.querySelectorAll("[data-go]")) {
    rows.push([`${bound("Go")} ${link.getAttribute("data-go")}`, `go to: ${link.textContent}`]);
  }
  return rows;
}

function showKeys() {
  const list = dialog.querySelector("[data-keys-list]");
  list.replaceChildren();
  for (const [key, what] of describe()) {
    const term = document.createElement("dt");
    const cap = document.createElement("kbd");
    const text = document.createElement("dd");
    cap.textContent = key;
    text.textContent = what;
    term.append(cap);
    list.append(term, text);
  }
  dialog.querySelector("[data-keys-on]").checked = isOn();
  dialog.showModal();
}

function use(key) {
  if (key === "?") return showKeys(), true;
  if (!isOn()) return false;
  if (key === bound("Go") && !waiting) {
    waiting = setTimeout(() => { waiting = 0; }, 1500);
    return true;
  }
  const done = waiting ? go(key) : act(key);
  clearTimeout(waiting); // else it would end the wait of the next two keys
  waiting = 0;
  return done;
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || !dialog) return;
  if (isBusy() && (event.key.length === 1 || event.key === "Enter")) {
    event.preventDefault();
    const away = document.documentElement.getAttribute("data-busy") === "offline";
    if (away) pressed.length = 0;
    else if (isOn() || takesText(document.activeElement)) pressed.push(event.key);
    return;
  }
  if (takesText(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Shift") return;
  if (use(event.key)) event.preventDefault();
}

function submit(form) {
  form?.requestSubmit([...form.elements].find((element) => element.type === "submit"));
}

// A key that waited does what it would have done on the page that is there now.
function type(key) {
  const field = document.activeElement;
  if (!takesText(field)) return key === "Enter" && !isIdle() ? field.click() : use(key);
  if (key === "Enter") return field.tagName === "TEXTAREA" ? field.setRangeText("\n", field.selectionStart, field.selectionEnd, "end") : submit(field.form);
  if (field.tagName === "SELECT") return undefined;
  field.setRangeText(key, field.selectionStart, field.selectionEnd, "end");
  return field.dispatchEvent(new Event("input", { bubbles: true }));
}

function release() {
  while (pressed.length && !isBusy() && !document.querySelector("dialog[open]")) type(pressed.shift());
}

document.addEventListener("flow:shown", release);
dialog?.addEventListener("close", release);

document.addEventListener("keydown", onKey);
if (dialog) {
  dialog.querySelector("[data-keys-on]").addEventListener("change", (event) => {
    localStorage.setItem(SWITCH, event.target.checked ? "on" : "off");
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-keys-open]")) return;
    event.preventDefault();
    showKeys();
  });
}
