// Copies what a button has in `data-copy`, also where browsers offer no clipboard because the page came over plain http.
function copyPlainly(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    copyPlainly(button.dataset.copy);
    button.focus();
  }
  const said = document.getElementById("said");
  said.textContent = "";
  requestAnimationFrame(() => { said.textContent = said.dataset.copied; });
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
});
