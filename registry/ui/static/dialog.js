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
  if (event.target === dialog || (dialog?.open && event.target.closest("[data-close]"))) {
    event.preventDefault();
    dialog.close();
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
  if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    const search = document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
