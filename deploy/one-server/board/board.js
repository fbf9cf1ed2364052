// Brings the tables of the class up to date every five seconds, and says so if it cannot.
const tables = document.getElementById("tables");
const stale = document.getElementById("stale");
let last = "";

async function update() {
  try {
    const answer = await fetch(tables.dataset.from, {
      headers: { "X-XSRFToken": tables.dataset.xsrf },
      redirect: "manual",
      signal: AbortSignal.timeout(10000),
    });
    // A board that was started again does not know this page any more: the hub tells it who asks
    if (answer.type === "opaqueredirect" || answer.status === 403) location.reload();
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    // Who reads or selects keeps the place: nothing changes where nothing is new
    if (text !== last) tables.innerHTML = last = text;
    stale.textContent = "";
  } catch {
    stale.textContent = "The board does not answer: these figures are old. Reload the page if this stays.";
  }
  setTimeout(update, 5000);
}
setTimeout(update, 5000);
