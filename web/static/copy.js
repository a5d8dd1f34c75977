// Buttons that copy a text of the page: the content of the template that they name.

/** @param {string} text */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS a browser has no clipboard for pages; an invisible field still has one.
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

document.addEventListener("click", async (event) => {
  const target = event.target;
  const button = target instanceof Element ? target.closest("[data-copy]") : null;
  if (!(button instanceof HTMLButtonElement)) return;
  const source = document.getElementById(button.dataset.copy ?? "");
  if (!(source instanceof HTMLTemplateElement)) return;
  const label = button.textContent;
  await copy(source.content.textContent ?? "");
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 1500);
});
