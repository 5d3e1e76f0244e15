"use strict";

// Keeps the list fresh without moving what somebody is using: no exchange while focus, pointer or an open detail is in it.
const live = document.getElementById("live");

const busy = () => live.contains(document.activeElement) || live.matches(":hover") || live.querySelector("details[open]");

async function refresh() {
  if (document.hidden || busy()) {
    return;
  }
  const response = await fetch(location.href, { credentials: "same-origin", redirect: "manual" });
  if (!response.ok) {
    location.reload();
    return;
  }
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("live");
  if (fresh && fresh.innerHTML !== live.innerHTML) {
    live.replaceChildren(...fresh.childNodes);
  }
}

setInterval(() => refresh().catch(() => undefined), 3000);
