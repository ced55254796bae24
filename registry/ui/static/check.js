// Finds out from the browser what clients will meet: the challenge of /v2/, where it leads, and limits of a proxy.
const card = document.querySelector("[data-check]");
const list = card?.querySelector(".checks");

function tell(state, text) {
  const item = document.createElement("li");
  const badge = document.createElement("span");
  badge.className = { good: "badge public", bad: "badge bad", odd: "badge" }[state];
  badge.textContent = card.dataset[state];
  item.append(badge, " ", text);
  list.append(item);
}

async function challenge() {
  const answer = await fetch("/v2/", { credentials: "omit", cache: "no-store" });
  const [, realm] = /realm="([^"]*)"/.exec(answer.headers.get("www-authenticate") ?? "") ?? [];
  const isOpen = answer.status === 200 && answer.headers.get("docker-distribution-api-version");
  if (!isOpen && !(answer.status === 401 && realm)) return tell("bad", card.dataset.silent);
  tell("good", card.dataset.answers);
  if (isOpen) return;
  const isSame = new URL(realm).origin === location.origin;
  tell(isSame ? "good" : "bad", isSame ? card.dataset.same : `${card.dataset.other} ${realm}`);
}

async function size() {
  const body = new Uint8Array(Number(card.dataset.tried));
  const headers = { "X-Harbor-CSRF-Token": card.dataset.code, "Content-Type": "application/octet-stream" };
  const answer = await fetch("/ui/connect/size", { method: "POST", body, headers });
  if (answer.ok && (await answer.json()).bytes === body.length) tell("good", card.dataset.large);
  else tell(answer.status === 413 ? "bad" : "odd", answer.status === 413 ? card.dataset.small : `HTTP ${answer.status}`);
}

card?.querySelector("[data-run]").addEventListener("click", async (event) => {
  list.replaceChildren();
  event.target.disabled = true;
  for (const step of [challenge, size]) {
    try {
      await step();
    } catch (error) {
      tell("bad", String(error));
    }
  }
  event.target.disabled = false;
});
