"use strict";

// Asks for news and shows them; goes to the editor once it is there, unless somebody wants to stay. A reload by a script
// starts nothing: the server tells it from a person's.
const ASK_MS = 100;
const ASK_HIDDEN_MS = 5000;
const COUNT_MS = 100;
const LOG_MS = 2000;
const CLONE_MS = 2000;

// What stands before the environment's paths, where it has no host of its own.
const base = document.currentScript.dataset.base ?? "";
const plainTitle = document.title;
const part = (id) => document.getElementById(id);

let shown = "";
let spoken = "";
// How far the server's clock is ahead of this one; steps are counted from its times.
let ahead = 0;
let ready = false;
let failed = false;
// There is an editor to go to, and yet something to hear.
let more = false;
// Somebody wants a notice of the browser, and whether one stands.
let wanted = false;
let noticed = false;

async function ask() {
  const response = await fetch(`${base}/-/state`, { credentials: "same-origin", redirect: "manual" });
  if (response.status === 401 || response.status === 404) {
    location.reload();
    return;
  }
  if (!response.ok) {
    return;
  }
  const state = await response.json();
  if (state.open) {
    notify(part("ready").dataset.title);
  }
  // With this page its notice would go, too, before anybody has seen it.
  if (state.open && part("go").checked && !(noticed && document.hidden)) {
    // A reload takes the place of this page, so that Back does not lead here again.
    location.reload();
    return;
  }
  ahead = state.now - Date.now();
  if (state.main !== shown) {
    shown = state.main;
    const fresh = new DOMParser().parseFromString(state.main, "text/html").querySelector("main");
    document.querySelector("main").replaceWith(fresh);
    count();
    tell();
  }
  control(state);
  if (state.open) {
    stay();
  }
}

function control(state) {
  part("cancel").hidden = !state.cancel;
  part("log").hidden = !state.log;
  if (state.failed && !failed) {
    part("log").open = true;
    notify(part("tell").dataset.failed);
  }
  failed = state.failed;
  more = state.more;
}

function stay() {
  const notice = part("ready");
  ready = true;
  notice.hidden = false;
  part("tell").hidden = true;
  document.title = `✓ ${notice.dataset.title} · ${plainTitle}`;
}

// Screen readers hear of a new step, never of seconds.
function tell() {
  const step = document.querySelector('[data-state="running"] .name, [data-state="failed"] .name')?.textContent ?? "";
  if (step !== spoken) {
    spoken = step;
    part("news").textContent = step;
  }
}

function read(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 60) {
    return `${seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds)} s`;
  }
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function count() {
  const now = Date.now() + ahead;
  for (const place of document.querySelectorAll("[data-since]")) {
    const spent = now - Number(place.dataset.since);
    place.textContent = read(spent);
    if (place.dataset.total !== undefined) {
      if (!ready) {
        document.title = `${Math.max(0, Math.floor(spent / 1000))} s · ${plainTitle}`;
      }
      const late = document.querySelector("[data-late]");
      if (late !== null) {
        late.hidden = spent <= Number(late.dataset.late);
      }
    }
  }
}

function askAgain() {
  if (ready && !more) {
    return;
  }
  const wait = document.hidden ? ASK_HIDDEN_MS : ready ? CLONE_MS : ASK_MS;
  setTimeout(() => ask().catch(() => undefined).finally(askAgain), wait);
}

async function cancel() {
  const button = part("cancel");
  const problem = part("problem");
  button.disabled = true;
  const answer = await fetch(`${base}/-/cancel`, { method: "POST", credentials: "same-origin" }).catch(() => undefined);
  button.disabled = false;
  // Nothing to cancel: the page is about to say what it has come to.
  problem.hidden = answer?.ok === true || answer?.status === 409;
  problem.textContent = problem.hidden ? "" : problem.dataset.cancel;
}

// Text that a container prints may colour a terminal.
const COLOURS = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;

async function readLog() {
  const log = part("log");
  if (!log.open || log.hidden || document.hidden) {
    return;
  }
  const answer = await fetch(`${base}/-/log`, { credentials: "same-origin" });
  if (!answer.ok) {
    return;
  }
  const place = log.querySelector("pre");
  const text = (await answer.json()).log.replace(COLOURS, "") || place.dataset.empty;
  if (text !== place.textContent) {
    const follows = place.scrollTop + place.clientHeight >= place.scrollHeight - 4;
    place.textContent = text;
    if (follows) {
      place.scrollTop = place.scrollHeight;
    }
  }
}

async function want() {
  const button = part("tell");
  wanted = (await Notification.requestPermission()) === "granted";
  button.textContent = wanted ? button.dataset.on : button.dataset.off;
  button.setAttribute("aria-disabled", "true");
}

// Who looks at the page sees it there.
function notify(text) {
  if (!wanted || !document.hidden) {
    return;
  }
  wanted = false;
  noticed = true;
  const notice = new Notification(document.querySelector("h1").textContent, { body: text });
  notice.addEventListener("click", () => {
    window.focus();
    notice.close();
  });
}

function goIn() {
  if (ready && part("go").checked && !document.hidden) {
    location.reload();
  }
}

part("stay").hidden = false;
part("go").addEventListener("change", goIn);
part("cancel").addEventListener("click", cancel);
part("log").addEventListener("toggle", () => readLog().catch(() => undefined));
document.addEventListener("visibilitychange", goIn);
if ("Notification" in window && isSecureContext && Notification.permission !== "denied") {
  part("tell").hidden = false;
  part("tell").addEventListener("click", want);
}
setInterval(count, COUNT_MS);
setInterval(() => readLog().catch(() => undefined), LOG_MS);
ask().catch(() => undefined).finally(askAgain);
