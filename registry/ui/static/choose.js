// Chooses all rows from the last one that was chosen, or left out, to the one that is clicked with the shift key.
let last = null;

document.addEventListener("click", (event) => {
  const box = event.target.closest(".pick input");
  if (!box) return;
  const all = [...box.form.querySelectorAll(".pick input:enabled")];
  const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((one, other) => one - other);
  if (event.shiftKey && from >= 0) all.slice(from, to + 1).forEach((each) => { each.checked = box.checked; });
  last = box;
});
