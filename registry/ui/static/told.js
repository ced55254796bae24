// What the reader is told: a note goes by itself, unless it offers something; and whether the registry answers at all.
const SECONDS = 8;
const offline = document.getElementById("offline");

document.querySelectorAll(".note").forEach((note) => {
  note.querySelector("[data-dismiss]")?.addEventListener("click", () => note.remove());
  if (!note.querySelector("form")) {
    const leave = () => note.matches(":hover, :focus-within") ? setTimeout(leave, 1000) : note.remove();
    setTimeout(leave, SECONDS * 1000);
  }
});

document.addEventListener("htmx:sendError", () => {
  if (offline.hidden) {
    offline.hidden = false;
    offline.textContent = offline.dataset.told;
  }
});
document.addEventListener("htmx:afterOnLoad", () => { offline.hidden = true; });
