// Sends forms without leaving the page: what was typed in stays where the server refuses it.
// Without this module a form is sent as ever, and a refusal is a page of its own.

/** @param {HTMLFormElement} form @param {string} text */
function complain(form, text) {
  const said = form.querySelector("[data-refusal]") ?? document.createElement("p");
  said.setAttribute("data-refusal", "");
  said.setAttribute("role", "alert");
  said.className = "notice bad refusal";
  said.textContent = text;
  form.append(said);
}

/** @param {Response} answer */
async function refusal(answer) {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector("[data-problem]")?.textContent ?? page.body.textContent ?? "";
}

/** @param {string} target */
function go(target) {
  const there = new URL(target, location.href);
  const stays = there.pathname === location.pathname && there.search === location.search;
  if (!stays) return location.assign(there);
  if (there.hash) location.hash = there.hash;
  location.reload();
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
  // A form that answers with a page of its own says so.
  if (event.defaultPrevented || form.hasAttribute("hx-post") || form.hasAttribute("data-own-page") || !form.querySelector("[name=form_token]")) return;
  event.preventDefault();
  if (form.getAttribute("aria-busy") === "true") return;
  const button = event instanceof SubmitEvent ? event.submitter : null;
  const action = (button?.hasAttribute("formaction") && button.getAttribute("formaction")) || form.getAttribute("action") || location.href;
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form, button)) body.append(name, String(value));
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(action, { method: "POST", body, headers: { "X-In-Place": "1" } });
    const target = answer.headers.get("X-Go-To");
    if (target) return go(target);
    if (answer.status === 401) return location.reload();
    complain(form, await refusal(answer));
  } catch {
    complain(form, "The server could not be reached. Try again.");
  }
  form.removeAttribute("aria-busy");
});
