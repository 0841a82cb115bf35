// Copies the text of another element and says so.
import { on } from "./dom";

const TOAST_MS = 4000;

// A live region is read out only if it was there before its text.
const toasts = document.createElement("div");
toasts.className = "toasts";
toasts.setAttribute("role", "status");
document.body.append(toasts);

on("click", "[data-copy]", async (event, button) => {
  event.preventDefault();
  const source = document.getElementById(button.dataset["copy"] ?? "");
  if (source) toast(button.dataset[(await copy(source)) ? "done" : "failed"]);
});

async function copy(source: HTMLElement): Promise<boolean> {
  // The clipboard is there on https and localhost only; elsewhere the old way still works.
  if (!navigator.clipboard) {
    getSelection()?.selectAllChildren(source);
    return document.execCommand("copy");
  }
  return navigator.clipboard.writeText(textOf(source)).then(
    () => true,
    () => false,
  );
}

function textOf(source: HTMLElement): string {
  if (source instanceof HTMLInputElement || source instanceof HTMLTextAreaElement) return source.value;
  source.classList.add("is-copying");
  const text = source.innerText;
  source.classList.remove("is-copying");
  return text;
}

function toast(text: string | undefined): void {
  if (!text) return;
  const note = document.createElement("div");
  note.className = "toast";
  note.textContent = text;
  toasts.replaceChildren(note);
  setTimeout(() => note.remove(), TOAST_MS);
}
