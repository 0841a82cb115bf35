// n and p go to the next and the previous match in a request.
import { findAll, isCommand } from "./dom";

document.addEventListener("keydown", (event) => {
  if (!isCommand(event) || (event.key !== "n" && event.key !== "p")) return;
  const marks = findAll("mark[data-match]");
  const at = marks.findIndex((mark) => mark.classList.contains("is-current"));
  const from = at < 0 && event.key === "p" ? marks.length : at;
  const next = marks[(from + (event.key === "n" ? 1 : -1) + marks.length) % marks.length];
  if (!next) return;
  event.preventDefault();
  marks[at]?.classList.remove("is-current");
  next.classList.add("is-current");
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
});
