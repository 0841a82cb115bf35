// htmx: parts of a page that the server renders later or anew.
import htmx from "htmx.org";

Object.assign(htmx.config, {
  allowEval: false, // the content security policy forbids it
  allowScriptTags: false,
  includeIndicatorStyles: false, // would be an inline style element
  selfRequestsOnly: true,
  historyCacheSize: 0, // pages hold what attackers sent: no copies of them in the browser's storage
});

interface Failure {
  target?: Element;
  elt?: Element;
}

/** Puts the text of data-failed where the answer should have been. */
function showFailure(event: Event): void {
  const { target, elt } = (event as CustomEvent<Failure>).detail;
  const part = target ?? elt;
  const text = [target, elt].map((element) => element?.closest<HTMLElement>("[data-failed]")?.dataset["failed"]).find(Boolean);
  if (!part || !text) return;
  const note = document.createElement("p");
  note.className = "hint hint-bad";
  note.setAttribute("role", "alert");
  note.textContent = text;
  part.replaceChildren(note);
}

for (const type of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(type, showFailure);
