// Pop-overs (details) and dialogs: open without script, but only with it do they close by themselves.
import { findAll, find, isTyping, on } from "./dom";

const POPOVERS = "details:is(.menu, .lang, .range-menu)[open]";

function closePopovers(but: EventTarget | null = null): void {
  for (const details of findAll<HTMLDetailsElement>(POPOVERS)) {
    if (but instanceof Node && details.contains(but)) continue;
    if (details.contains(document.activeElement)) find("summary", details)?.focus();
    details.open = false;
  }
}

export function openDialog(id: string): void {
  const dialog = document.getElementById(id);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

document.addEventListener("click", (event) => closePopovers(event.target));
on("click", "[data-dialog]", (event, opener) => {
  event.preventDefault(); // the opener may be a link to the help page
  openDialog(opener.dataset["dialog"] ?? "");
});
// A click beside the dialog is one on the dialog itself: its content lies in children.
on("click", "dialog.dialog", (event, dialog) => {
  if (event.target === dialog || (event.target as Element).closest("[data-close]")) (dialog as HTMLDialogElement).close();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return; // an open dialog closes by itself
  closePopovers();
  if (isTyping(event.target)) event.target.blur();
});
