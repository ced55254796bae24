// Makes the list below a search field one that arrow keys move in, as the combobox pattern of ARIA has it.
const fields = () => document.querySelectorAll("[data-seeks]");
const listOf = (field) => document.querySelector(field.dataset.seeks);
const optionsOf = (field) => [...listOf(field).querySelectorAll(".hits a")];

function choose(field, option) {
  optionsOf(field).forEach((each) => each.setAttribute("aria-selected", each === option));
  if (option) {
    field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else {
    field.removeAttribute("aria-activedescendant");
  }
}

function prepare(field) {
  const list = listOf(field).querySelector(".hits");
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-expanded", Boolean(list));
  if (list) {
    list.id = "hits";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", field.getAttribute("aria-label"));
    list.querySelectorAll("li").forEach((item) => item.setAttribute("role", "presentation"));
    field.setAttribute("aria-controls", list.id);
  } else {
    field.removeAttribute("aria-controls");
  }
  optionsOf(field).forEach((option, number) => {
    option.id = `hit-${number}`;
    option.setAttribute("role", "option");
    option.tabIndex = -1;
  });
  choose(field, field.value ? optionsOf(field)[0] : null);
}

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("[data-seeks]");
  if (!field) return;
  const options = optionsOf(field);
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    choose(field, options[(at + step + options.length) % options.length]);
  } else if (event.key === "Enter" && options[at]) {
    event.preventDefault();
    options[at].click();
  }
});

fields().forEach(prepare);
document.addEventListener("htmx:afterSwap", () => fields().forEach(prepare));
