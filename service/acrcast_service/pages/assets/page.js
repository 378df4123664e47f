"use strict";

// The pages work without this file: every sentence and every number comes from the server, as a page. This only spares
// loading the page anew, keeps the key of this tab, and says when an answer is no longer for the values beside it.

const KEY = "acrcast-key";

function part(id) {
  return document.getElementById(id);
}

function say(which) {
  const place = part("said");
  place.textContent = "";
  // a status that is set twice to the same words is only read once
  setTimeout(() => { place.textContent = place.dataset[which]; }, 50);
}

// The key is typed once for each tab, and kept when the server took it.
function kept() {
  return sessionStorage.getItem(KEY) || "";
}

function showKey() {
  const entry = part("key");
  if (entry && !entry.value) entry.value = kept();
}

function keepKey(response) {
  const entry = part("key");
  if (!entry) return;
  if (response.status === 401) sessionStorage.removeItem(KEY);
  else if (response.ok) sessionStorage.setItem(KEY, entry.value);
}

// A page that shows nothing without a key shows itself where this tab keeps one, or where nobody is asked. It takes the place
// of its empty form in the history: who goes back does not come to it again.
function enter() {
  const form = part("enter");
  if (!form) return;
  if ("forgetKey" in form.dataset) sessionStorage.removeItem(KEY);
  if (form.dataset.enter === "yes" || (form.dataset.enter === "key" && kept())) form.submit();
  else if (part("key")) part("key").focus();
}

// The key goes into what is sent, and not into the page.
function addKey(event) {
  const form = event.target, typed = event.formData.get("page.key");
  if (form.id !== "enter" && !("again" in form.dataset)) return;
  if (typed) sessionStorage.setItem(KEY, typed);
  else event.formData.set("page.key", kept());
}

function forgetKey() {
  sessionStorage.removeItem(KEY);
  location.replace(location.pathname + location.search);
}

function entriesOf(form) {
  return new URLSearchParams(new FormData(form));
}

// What was typed and by what it differs from what the answer is for.
function patientOf(form) {
  const entries = entriesOf(form);
  for (const name of [...entries.keys()]) if (name.startsWith("page.")) entries.delete(name);
  return entries.toString();
}

let answeredFor = null;

async function send(event) {
  const form = event.target;
  if (form.id !== "patient") return;
  event.preventDefault();
  const main = document.querySelector("main");
  if (main.getAttribute("aria-busy") === "true") return;
  main.setAttribute("aria-busy", "true");
  form.querySelector(".primary").setAttribute("aria-disabled", "true");
  part("unreachable").hidden = true;
  try {
    const response = await fetch(form.getAttribute("action"), { method: "POST", body: entriesOf(form) });
    const type = response.headers.get("content-type") || "";
    if (!type.startsWith("text/html")) throw new Error(String(response.status));
    keepKey(response);
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch {
    main.removeAttribute("aria-busy");
    form.querySelector(".primary").removeAttribute("aria-disabled");
    part("unreachable").hidden = false;
    part("unreachable").scrollIntoView({ block: "nearest" });
  }
}

// Puts the page that the server answered in the place of this one, and says what it is.
function show(answered) {
  const next = document.importNode(answered.querySelector("main"), true);
  document.querySelector("main").replaceWith(next);
  document.title = answered.title;
  begin();
  const focused = next.querySelector("[data-focus]");
  if (focused) focused.focus();
  say(next.querySelector(".alert[data-focus]") ? "wrong" : "ready");
}

// An answer beside other values than its own says so.
function compare() {
  const answer = part("answer"), note = answer && answer.querySelector(".stale");
  if (!note || answeredFor === null) return;
  const isOld = patientOf(part("patient")) !== answeredFor;
  note.hidden = !isOld;
  answer.classList.toggle("old", isOld);
}

let waiting = 0;
let asked = 0;

function askScores() {
  const place = part("scores");
  if (!place) return;
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    const mine = ++asked;
    try {
      const response = await fetch(place.dataset.address, { method: "POST", body: entriesOf(part("patient")) });
      if (!response.ok || mine !== asked) return;
      const found = new DOMParser().parseFromString(await response.text(), "text/html").querySelector(".scores");
      const shown = place.querySelector(".scores");
      if (found && found.textContent !== shown.textContent) shown.replaceWith(document.importNode(found, true));
    } catch {
      // the scores stay as they were; Predict will say that the server cannot be reached
    }
  }, 350);
}

function link() {
  const address = new URL(location.href);
  address.searchParams.delete("example");
  address.hash = "";
  return address.href;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const from = part("as-text");
    from.closest("details").open = true;
    from.select();
    return;
  }
  say("copied");
}

// In another language the form is shown with what was typed into it; nothing is predicted.
function inOtherLanguage(event, address) {
  const form = part("patient") || document.querySelector("form[data-again]");
  if (!form) return;
  event.preventDefault();
  form.action = address;
  if ("again" in form.dataset) {
    form.requestSubmit(form.querySelector("[data-same]"));
    return;
  }
  const only = document.createElement("input");
  Object.assign(only, { type: "hidden", name: "page.only-form", value: "yes" });
  form.append(only);
  form.submit();
}

function pressed(event) {
  const other = event.target.closest(".languages a");
  if (other) inOtherLanguage(event, other.href);
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) copy(part(button.dataset.copy).value);
  else if ("copyLink" in button.dataset) copy(link());
  else if ("print" in button.dataset) window.print();
  else if ("forget" in button.dataset) forgetKey();
}

function begin() {
  showKey();
  for (const button of document.querySelectorAll("[data-copy], [data-print]")) button.hidden = false;
  for (const button of document.querySelectorAll("[data-forget]")) button.hidden = !kept();
  const form = part("patient");
  if (!form) return;
  answeredFor = document.querySelector("#answer .headline") ? patientOf(form) : null;
  form.addEventListener("submit", send);
  form.addEventListener("input", () => { compare(); askScores(); });
  for (const button of document.querySelectorAll("[data-copy-link]")) button.hidden = false;
}

// A printed answer says what it is for.
addEventListener("beforeprint", () => { for (const details of document.querySelectorAll(".tell details:not(.text)")) details.open = true; });
// What a forgotten key had opened is not shown again by going back.
addEventListener("pageshow", (event) => { if (event.persisted && document.querySelector("[data-forget]") && !kept()) forgetKey(); });
document.addEventListener("click", pressed);
document.addEventListener("formdata", addKey);
begin();
enter();
