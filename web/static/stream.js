// Says whether the page is live, so that nobody trusts figures that stand still.

/** @param {string} word @param {string} state */
function say(word, state) {
  for (const pulse of document.querySelectorAll("[data-pulse]")) {
    pulse.setAttribute("data-state", state);
    const label = pulse.querySelector("[data-pulse-word]");
    if (label && label.textContent !== word) label.textContent = word;
  }
}

document.addEventListener("htmx:sse:after:connection", () => say("Live", "live"));
document.addEventListener("htmx:sse:after:message", () => say("Live", "live"));
document.addEventListener("htmx:sse:error", () => say("Reconnecting", "lost"));
document.addEventListener("htmx:sse:close", () => say("Reconnecting", "lost"));
