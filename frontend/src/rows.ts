// The row cursor: j and k move it, Enter or a click opens its row, and going back lands on it again.
import { find, findAll, isCommand, on } from "./dom";

const ROWS = "table.table tbody tr[data-href]";
const memory = `wafscope-row:${location.pathname}${location.search}`;

/** Sent by a row when the cursor comes to it. */
export const CURSOR = "wafscope:cursor";

function moveTo(row: HTMLElement): void {
  if (row.classList.contains("is-cursor")) return;
  find("tr.is-cursor[data-href]")?.classList.remove("is-cursor");
  row.classList.add("is-cursor");
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
  remember(row);
  row.dispatchEvent(new CustomEvent(CURSOR, { bubbles: true }));
}

function step(by: 1 | -1): boolean {
  const cursor = find("tr.is-cursor[data-href]");
  // Rows of the table that has the cursor, else of the one with focus in it or its panel, else of the first.
  const table = cursor?.closest("table") ?? find("table.table", focusedPanel()) ?? find("table.table:has(tr[data-href])");
  const rows = table ? findAll("tbody tr[data-href]", table).filter((row) => row.closest("table") === table) : [];
  const at = cursor ? rows.indexOf(cursor) : by > 0 ? -1 : rows.length;
  const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
  if (next) moveTo(next);
  return next !== undefined;
}

function focusedPanel(): ParentNode {
  return document.activeElement?.closest("section.panel") ?? document.createDocumentFragment();
}

function open(row: HTMLElement, apart = false): void {
  const address = row.dataset["href"] ?? "";
  remember(row);
  if (apart) window.open(address, "_blank", "noopener");
  else location.assign(address);
}

function remember(row: HTMLElement): void {
  try {
    sessionStorage.setItem(memory, row.dataset["href"] ?? "");
  } catch {
    // Storage is switched off: going back lands at the top.
  }
}

/** After going back or a reload; a page that is opened anew starts without a cursor. */
function restore(): void {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (!navigation || !["back_forward", "reload"].includes(navigation.type)) return;
  try {
    const address = sessionStorage.getItem(memory);
    const row = findAll(ROWS).find((candidate) => candidate.dataset["href"] === address);
    if (row) moveTo(row);
  } catch {
    // As above.
  }
}

document.addEventListener("keydown", (event) => {
  if (!isCommand(event)) return;
  const row = find("tr.is-cursor[data-href]");
  // Enter on a link or button in the row is theirs.
  const isFree = event.target === document.body || event.target === row;
  if (event.key === "j" || event.key === "k") {
    if (step(event.key === "j" ? 1 : -1)) event.preventDefault();
  } else if (event.key === "Enter" && row && isFree) {
    event.preventDefault();
    open(row);
  }
});

on("focusin", ROWS, (event, row) => {
  if (event.target === row) moveTo(row);
});

on("click", ROWS, (event, row) => {
  const target = event.target as Element;
  if (event.defaultPrevented || target.closest("a, button, input, label, select, summary, details")) return;
  if (getSelection()?.type === "Range") return; // text was selected, not the row meant
  open(row, event.ctrlKey || event.metaKey);
});

queueMicrotask(restore); // when all that listens to the cursor is there: preview.ts comes after this
