// Keys that lead somewhere. Rows are in rows.ts, matches in marks.ts, Escape in menus.ts.
import { find, findAll, isCommand } from "./dom";
import { openDialog } from "./menus";

const GO_MS = 1500; // how long `g` waits for its letter
let goUntil = 0;

const commands: Record<string, (event: KeyboardEvent) => boolean> = {
  "/": focusSearch,
  "?": () => (openDialog("help"), true),
  g: (event) => ((goUntil = event.timeStamp + GO_MS), true),
  "[": () => follow("a[data-nav=earlier]"),
  "]": () => follow("a[data-nav=later]"),
  l: () => press("[data-pulse-pause]"),
  z: () => follow("a[data-nav=out]"),
  f: () => followValue("a[data-in]"),
  F: () => followValue("a[data-out]"),
  Backspace: () => (history.back(), true),
};

document.addEventListener("keydown", (event) => {
  if (!isCommand(event) || event.key === "Shift") return;
  const going = event.timeStamp < goUntil;
  goUntil = 0;
  const done = going
    ? follow(`a[data-go="${CSS.escape(event.key)}"]`)
    : /^[1-9]$/.test(event.key)
      ? focusPanel(event.key)
      : commands[event.key]?.(event);
  if (done) event.preventDefault();
});

function focusSearch(): boolean {
  const box = find<HTMLInputElement>("input[name=q]");
  box?.focus();
  box?.setSelectionRange(box.value.length, box.value.length);
  return box !== null;
}

function focusPanel(key: string): boolean {
  const panel = find(`section[data-key="${key}"]`);
  if (!panel) return false;
  if (!panel.hasAttribute("tabindex")) panel.tabIndex = -1;
  panel.focus({ preventScroll: true });
  panel.scrollIntoView({ block: "start" });
  return true;
}

/** Clicks the first such link, so that htmx hears of it too. */
function follow(selector: string, inside: ParentNode = document): boolean {
  const link = find<HTMLAnchorElement>(selector, inside);
  link?.click();
  return link !== null;
}

function press(selector: string): boolean {
  const button = find(selector);
  button?.click();
  return button !== null;
}

/** The value in the focused cell, row or list item, else in the one under the pointer. */
function followValue(selector: string): boolean {
  const hovered = findAll(":hover").at(-1);
  for (const start of [document.activeElement, find("tr.is-cursor"), hovered]) {
    for (const around of ["td, th", "tr, li"]) {
      const box = start?.closest(around);
      if (box && follow(selector, box)) return true;
    }
  }
  return false;
}
