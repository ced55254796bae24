// Shows in a dialog what a link would lead to, and closes menus and dialogs that the reader is done with.
const dialog = document.getElementById("dialog");

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target === dialog && !dialog.open) dialog.showModal();
});

// A list that looks for what is new by itself waits while the reader is choosing from it.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id === "list" && document.querySelector("#list :checked")) event.preventDefault();
});

// Where the session has ended, or the thing is gone, the page that says so is shown as any other.
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.target === dialog) location.assign(event.detail.pathInfo.requestPath);
});

document.addEventListener("click", (event) => {
  const opened = document.querySelector("dialog[open]");
  if (opened && (event.target === opened || event.target.closest("[data-close]"))) {
    event.preventDefault();
    opened.close();
  }
  const opens = event.target.closest("[data-opens]");
  const other = opens && document.getElementById(opens.dataset.opens);
  if (other && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    other.showModal();
  }
  document.querySelectorAll("details.reader[open], details.pop[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    document.querySelectorAll("details.reader[open], details.pop[open]").forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
