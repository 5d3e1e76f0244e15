"use strict";

// Keeps the list fresh. Cells change where they stand; rows come and go only while nobody points at or stands in the
// list, so that nothing moves under a finger.
const live = document.getElementById("live");

const inUse = () => live.contains(document.activeElement) || live.matches(":hover");

const rowsByUid = (root) => new Map([...root.querySelectorAll("tr[data-uid]")].map((row) => [row.dataset.uid, row]));

function updateRow(row, fresh) {
  Object.assign(row.dataset, { ...fresh.dataset });
  [...row.cells].forEach((cell, index) => {
    const next = fresh.cells[index];
    if (cell.innerHTML !== next.innerHTML) {
      cell.replaceChildren(...next.childNodes);
    }
  });
}

function update(fresh) {
  const shown = rowsByUid(live);
  const listed = rowsByUid(fresh);
  const sameRows = shown.size > 0 && [...shown.keys()].join() === [...listed.keys()].join();
  if (!sameRows && !inUse()) {
    live.replaceChildren(...fresh.childNodes);
    return;
  }
  for (const [uid, row] of shown) {
    if (listed.has(uid)) {
      updateRow(row, listed.get(uid));
    }
  }
}

async function refresh() {
  if (document.hidden) {
    return;
  }
  const response = await fetch(location.href, { credentials: "same-origin", redirect: "manual" });
  if (!response.ok) {
    location.reload();
    return;
  }
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("live");
  if (fresh) {
    update(fresh);
  }
}

const refreshQuietly = () => refresh().catch(() => undefined);
setInterval(refreshQuietly, 3000);
document.addEventListener("visibilitychange", refreshQuietly);
