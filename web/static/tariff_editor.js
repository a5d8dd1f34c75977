// The tariff editor: which inputs a finding is about, a way to them, and a word before typed text
// is lost. Everything else is the server's and htmx's.

const form = document.getElementById("editor");
let saved = true;

/** @param {boolean} now */
function mark(now) {
  saved = now;
  const said = document.getElementById("unsaved");
  if (said) said.hidden = now;
}

function point() {
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const said of document.querySelectorAll("#editor .said.bad[data-about]")) {
    document.getElementById(said.getAttribute("data-about").replaceAll(".", "-"))?.setAttribute("aria-invalid", "true");
  }
}

/** @param {string} text @param {string} source */
function complain(text, source) {
  const said = document.getElementById("not-taken");
  said.textContent = text;
  said.dataset.source = source;
  said.hidden = !text;
}

// What was typed stays on the page whatever the server says; only a good answer replaces it.
document.addEventListener("htmx:response:error", (event) => {
  const { response, sourceElement } = event.detail.ctx;
  const text = response.status === 401 ? "You are signed out. Sign in again in another tab, then go on here." : `The server did not take it (${response.status}). What you typed is still here.`;
  complain(text, sourceElement.id);
});
document.addEventListener("htmx:error", (event) => complain("The server could not be reached. What you typed is still here.", event.detail.ctx?.sourceElement?.id ?? ""));
document.addEventListener("htmx:after:swap", (event) => {
  const { response, sourceElement } = event.detail.ctx;
  if (response.status < 400 && document.getElementById("not-taken").dataset.source === sourceElement.id) complain("", "");
});
form.addEventListener("input", () => mark(false));
// Which elements are open is posted too: the form that comes back has them as they were.
form.addEventListener("toggle", (event) => {
  const input = event.target.querySelector(":scope > [data-shut]");
  if (input) input.value = event.target.open ? "" : "1";
}, true);
// A step is in Wh of energy and in seconds of time.
form.addEventListener("change", (event) => {
  if (!/\.price_components\.\d+\.type$/.test(event.target.name)) return;
  const label = document.querySelector(`label[for="${event.target.id.replace(/type$/, "step_size")}"]`);
  const unit = label.querySelector(".faint") ?? label.appendChild(document.createElement("span"));
  unit.className = "faint";
  unit.textContent = { ENERGY: " Wh", FLAT: "" }[event.target.value] ?? " s";
});
form.addEventListener("submit", (event) => {
  const wish = event.submitter?.value ?? "";
  if (!["save", "overwrite", "submit", "show", "to-json", "to-form"].includes(wish)) mark(false);
});
document.addEventListener("htmx:after:swap", () => {
  if (form.querySelector("[role=status].good")?.textContent.startsWith("Saved")) mark(true);
  else mark(saved);
  point();
});
document.addEventListener("input", (event) => {
  // "Saved" is no longer true once somebody types on.
  if (form.contains(event.target)) form.querySelector("[role=status].good")?.remove();
});
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("[data-go]") : null;
  const target = link && document.getElementById(link.getAttribute("data-go"));
  if (!target) return;
  event.preventDefault();
  for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  target.focus();
});
window.addEventListener("beforeunload", (event) => {
  if (!saved) event.preventDefault();
});
// Discarding or submitting leaves on purpose.
document.addEventListener("submit", (event) => {
  if (event.target instanceof HTMLFormElement && event.target.action.endsWith("/discard")) saved = true;
  if (event.submitter?.value === "submit") saved = true;
});
point();
