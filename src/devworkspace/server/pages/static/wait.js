"use strict";

// Asks for news and shows them; goes to the editor once it is there. A reload by a script starts nothing: the server
// tells it from a person's.
const ASK_MS = 100;
const ASK_HIDDEN_MS = 5000;

// What stands before the environment's paths, where it has no host of its own.
const base = document.currentScript.dataset.base ?? "";

let shown = "";

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
    location.reload();
    return;
  }
  if (state.main !== shown) {
    shown = state.main;
    const fresh = new DOMParser().parseFromString(state.main, "text/html").querySelector("main");
    document.querySelector("main").replaceWith(fresh);
  }
}

function askAgain() {
  const wait = document.hidden ? ASK_HIDDEN_MS : ASK_MS;
  setTimeout(() => ask().catch(() => undefined).finally(askAgain), wait);
}
askAgain();
