"use strict";

// Asks for news and shows them; goes to the editor once it is there, unless somebody wants to stay. A reload by a script
// starts nothing: the server tells it from a person's.
const ASK_MS = 100;
const ASK_HIDDEN_MS = 5000;
const COUNT_MS = 100;

// What stands before the environment's paths, where it has no host of its own.
const base = document.currentScript.dataset.base ?? "";
const plainTitle = document.title;

let shown = "";
let spoken = "";
// How far the server's clock is ahead of this one; steps are counted from its times.
let ahead = 0;
let ready = false;

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
  if (state.open && document.getElementById("go").checked) {
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
  if (state.open) {
    stay();
  }
}

function stay() {
  const notice = document.getElementById("ready");
  ready = true;
  notice.hidden = false;
  document.title = `✓ ${notice.dataset.title} · ${plainTitle}`;
}

// Screen readers hear of a new step, never of seconds.
function tell() {
  const step = document.querySelector('[data-state="running"] .name, [data-state="failed"] .name')?.textContent ?? "";
  if (step !== spoken) {
    spoken = step;
    document.getElementById("news").textContent = step;
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
      document.title = `${Math.max(0, Math.floor(spent / 1000))} s · ${plainTitle}`;
      const late = document.querySelector("[data-late]");
      if (late !== null) {
        late.hidden = spent <= Number(late.dataset.late);
      }
    }
  }
}

function askAgain() {
  if (ready) {
    return;
  }
  const wait = document.hidden ? ASK_HIDDEN_MS : ASK_MS;
  setTimeout(() => ask().catch(() => undefined).finally(askAgain), wait);
}

document.getElementById("stay").hidden = false;
document.getElementById("go").addEventListener("change", (event) => {
  if (ready && event.target.checked) {
    location.reload();
  }
});
setInterval(count, COUNT_MS);
ask().catch(() => undefined).finally(askAgain);
