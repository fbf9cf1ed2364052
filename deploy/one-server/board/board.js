// Brings the tables of the class up to date every five seconds, and says so if it cannot.
const tables = document.getElementById("tables");
const stale = document.getElementById("stale");
let last = "";

async function update() {
  try {
    const headers = { "X-XSRFToken": tables.dataset.xsrf };
    const answer = await fetch(tables.dataset.from, { headers, signal: AbortSignal.timeout(10000) });
    if (!answer.ok || answer.redirected) throw new Error(answer.status);
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
