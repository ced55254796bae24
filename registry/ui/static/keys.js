// What keys do. Single ones can be turned off, since they get in the way of those who speak to their computer
// (WCAG 2.1.4); none does anything while something is being written.
const rows = () => [...document.querySelectorAll("main table.list tbody tr")];
let waiting = false;

function open(id) {
  const dialog = document.getElementById(id);
  if (dialog && !document.querySelector("dialog[open]")) dialog.showModal();
}

function search() {
  const own = document.querySelector("main .seek input");
  if (own) own.focus();
  else open("palette");
}

function move(step) {
  const all = rows();
  const at = all.findIndex((row) => row.classList.contains("at"));
  const next = all[Math.max(0, Math.min(all.length - 1, at + step))];
  if (!next) return;
  all[at]?.classList.remove("at");
  next.classList.add("at");
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a, button, input")?.focus({ preventScroll: true });
}

const current = (selector) => document.querySelector(`main tr.at ${selector}`);
const DOES = {
  "/": search,
  "?": () => open("keys"),
  j: () => move(1),
  k: () => move(-1),
  x: () => current("input[type=checkbox]")?.click(),
  c: () => (current("[data-copy]") ?? document.querySelector("main [data-copy]"))?.click(),
  n: () => document.querySelector("main a.primary")?.click(),
  g: () => {
    waiting = true;
    setTimeout(() => { waiting = false; }, 1500);
  },
};

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    search();
    return;
  }
  const isWriting = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey || isWriting || document.documentElement.dataset.keys === "off") return;
  if (document.querySelector("dialog[open]")) return;
  if (waiting) {
    waiting = false;
    const page = document.querySelector(`#menu [data-go="${CSS.escape(event.key)}"]`);
    if (page) {
      event.preventDefault();
      page.click();
      return;
    }
  }
  if (DOES[event.key]) {
    event.preventDefault();
    DOES[event.key]();
  }
});
