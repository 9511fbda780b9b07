// Keys: every element that names one with data-key is pressed by it; data-focus-key focuses.
// Nothing fires while somebody types in a field, nor with Ctrl, Alt or Meta held.

const SWITCH = "mralign-single-keys";
const dialog = document.getElementById("keys");
let waiting = false;

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

function find(key, name) {
  return [...document.querySelectorAll(`[${name}]`)].find((found) => found.getAttribute(name) === key);
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

function act(key) {
  if (key === "Enter" && !isIdle()) return false;
  const move = find(key, "data-move");
  if (move) return moveTo(move);
  if (key === "y" && document.querySelector("[data-lane]")) return acceptLane();
  const focused = find(key, "data-focus-key");
  if (focused) return focusFirst(focused), true;
  const element = find(key, "data-key");
  if (element) return element.hasAttribute("data-first-tick") ? focusFirst(element) : press(element), true;
  if (key === "j" || key === "k") return moveRow(key === "j" ? 1 : -1);
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
  if (document.querySelector("[data-accept]")) rows.push(["y", "accept the lane with the focus, else the first"]);
  if (document.querySelector("[data-rows]")) rows.push(["j k", "next and previous row"]);
  for (const link of document.querySelectorAll("[data-go]")) {
    rows.push([`g ${link.getAttribute("data-go")}`, `go to: ${link.textContent}`]);
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

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || !dialog) return;
  if (takesText(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (dialog.open) return;
  if (event.key === "?") {
    event.preventDefault();
    showKeys();
    return;
  }
  if (!isOn()) return;
  if (event.key === "g" && !waiting) {
    waiting = true;
    setTimeout(() => { waiting = false; }, 1500);
    return;
  }
  const done = waiting ? go(event.key) : act(event.key);
  waiting = false;
  if (done) event.preventDefault();
}

document.addEventListener("keydown", onKey);
if (dialog) {
  dialog.querySelector("[data-keys-on]").addEventListener("change", (event) => {
    localStorage.setItem(SWITCH, event.target.checked ? "on" : "off");
  });
  document.querySelector("[data-keys-open]")?.addEventListener("click", (event) => {
    event.preventDefault();
    showKeys();
  });
}
