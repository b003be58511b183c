// Answers as one types. Without this the form does the same by itself.
const form = document.getElementById("search");
const box = document.getElementById("q");
const results = document.getElementById("results");
let timer, asking;

async function ask() {
  const address = "/search/?q=" + encodeURIComponent(box.value.trim());
  // An answer that comes after the next question is nobody's.
  asking?.abort();
  const mine = (asking = new AbortController());
  results.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { "x-part": "results" }, signal: mine.signal });
    const text = await answer.text();
    if (mine !== asking) return;
    // Only the site's own pages are pages: anything else may say what a visitor typed.
    const isPage = (answer.headers.get("content-type") || "").startsWith("text/html");
    if (isPage) results.innerHTML = text;
    else results.textContent = "The site cannot search now. Try again in a moment.";
    history.replaceState(null, "", address);
    if (answer.status === 503) {
      clearTimeout(timer);
      timer = setTimeout(ask, 1500);
    }
  } catch (error) {
    if (error.name !== "AbortError") results.textContent = "The site does not answer. Try again in a moment.";
  } finally {
    if (mine === asking) results.removeAttribute("aria-busy");
  }
}

box.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, 150);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  ask();
});
box.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") {
    const first = results.querySelector("a");
    if (first) { event.preventDefault(); first.focus(); }
  }
});
results.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const links = [...results.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  if (at < 0) return;
  event.preventDefault();
  const next = at + (event.key === "ArrowDown" ? 1 : -1);
  (next < 0 ? box : links[Math.min(next, links.length - 1)]).focus();
});
