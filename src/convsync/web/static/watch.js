// Shows how far a run has come, while it goes on: asks for the same page again, and takes that part.
"use strict";

const EVERY_MS = 2000;

async function look() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const now = page.getElementById("watched");
  if (!answer.ok || !now) {
    location.reload();
    return;
  }
  const shown = document.getElementById("watched");
  if (shown.innerHTML !== now.innerHTML) {
    shown.replaceChildren(...now.childNodes);
  }
  again();
}

function again() {
  setTimeout(() => look().catch(again), EVERY_MS);
}

again();
