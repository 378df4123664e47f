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
  if (entry && !entry.value && !part("enter")) entry.value = kept();
}

function keepKey(response) {
  const entry = part("key");
  if (!entry) return;
  if (response.status === 401) sessionStorage.removeItem(KEY);
  else if (response.ok) sessionStorage.setItem(KEY, entry.value);
}

// The key goes into what is sent, and not into the page.
function addKey(event) {
  const typed = event.formData.get("page.key");
  if (!needsKey(event.target)) return;
  if (typed) sessionStorage.setItem(KEY, typed);
  else event.formData.set("page.key", kept());
}

function forgetKey() {
  sessionStorage.removeItem(KEY);
  location.replace(location.pathname + location.search);
}

// Whether the form opens a page that shows nothing without a key, or belongs to one that is open.
function needsKey(form) {
  return form.id === "enter" || "again" in form.dataset;
}

// Such forms are sent by the script, so that the address stays one which the browser may open anew: Back and Reload send
// nothing a second time. What was shown stays with this document, by its place in the history, and leaves with it.
const shown = [];
let place = (history.state && history.state.place) || 0;

async function ask(form, submitter, address = form.action) {
  const main = document.querySelector("main");
  if (main.getAttribute("aria-busy") === "true") return;
  main.setAttribute("aria-busy", "true");
  part("unreachable").hidden = true;
  try {
    const entries = new URLSearchParams(new FormData(form, submitter));
    const response = await fetch(address, { method: "POST", body: entries });
    const type = response.headers.get("content-type") || "";
    if (!type.startsWith("text/html")) throw new Error(String(response.status));
    const answered = new DOMParser().parseFromString(await response.text(), "text/html");
    main.removeAttribute("aria-busy");
    const before = [document.body, document.documentElement.lang, document.title];
    if (form.id === "enter") history.replaceState({ place }, "", address);
    else {
      shown[place] = before;
      history.pushState({ place: ++place }, "", address);
    }
    put(document.importNode(answered.body, true), answered.documentElement.lang, answered.title);
    const first = document.querySelector("main [autofocus]");
    if (first) first.focus();
    else {
      document.querySelector("main").focus({ preventScroll: true });
      scrollTo(0, 0);
    }
  } catch {
    main.removeAttribute("aria-busy");
    part("unreachable").hidden = false;
    part("unreachable").scrollIntoView({ block: "nearest" });
  }
}

function put(body, lang, title) {
  document.body.replaceWith(body);
  document.documentElement.lang = lang;
  document.title = title;
  begin();
}

function again(event) {
  const form = event.target, button = event.submitter;
  // a file is for the browser to keep
  if (!needsKey(form) || (button && button.name === "page.export")) return;
  event.preventDefault();
  ask(form, button);
}

function cameBack(event) {
  const now = (event.state && event.state.place) || 0;
  shown[place] = [document.body, document.documentElement.lang, document.title];
  place = now;
  if (shown[now]) put(...shown[now]);
  else if (document.querySelector("form[data-again], #enter")) location.reload();
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
  if ("again" in form.dataset) {
    ask(form, form.querySelector("[data-same]"), address);
    return;
  }
  form.action = address;
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
  const entrance = part("enter");
  if (entrance && "forgetKey" in entrance.dataset) sessionStorage.removeItem(KEY);
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
document.addEventListener("submit", again);
addEventListener("popstate", cameBack);
begin();

// A page that shows nothing without a key shows itself where this tab keeps one, or where nobody is asked.
const entrance = part("enter");
if (entrance && (entrance.dataset.enter === "yes" || (entrance.dataset.enter === "key" && kept()))) ask(entrance, null);
else if (entrance && part("key")) part("key").focus();
