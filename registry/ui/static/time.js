// Tells times as people do, "3 hours ago" in the language of the page; the exact one, in the reader's zone, is the title.
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

function tell(element) {
  const at = new Date(element.dateTime);
  const seconds = (at - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["minute", 60];
  element.textContent = relative.format(Math.trunc(seconds / length), unit);
  element.title = absolute.format(at);
}

const tellAll = (root) => root.querySelectorAll("time[datetime]").forEach(tell);
tellAll(document);
document.addEventListener("htmx:afterSettle", () => tellAll(document));
