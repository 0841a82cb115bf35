// Completion of the search box: a combobox whose suggestions come from the server, shown as text and never as HTML.
import { find, on } from "./dom";
import { encode } from "./filter";

/** `text` takes the place of all that stands before the caret. */
interface Item {
  text: string;
  label: string;
  help: string;
}

interface Answer {
  head: string;
  items: Item[];
}

interface List {
  box: HTMLInputElement;
  element: HTMLElement;
  options: HTMLElement[];
  items: Item[];
  caret: number;
  at: number; // the chosen one, -1 for none
}

const BOX = "input[name=q][data-complete]";
const WAIT_MS = 120;
let list: List | null = null;
let request: AbortController | null = null;
let timer: number | undefined;

function askSoon(box: HTMLInputElement): void {
  clearTimeout(timer);
  request?.abort();
  timer = window.setTimeout(() => void ask(box), WAIT_MS);
}

async function ask(box: HTMLInputElement): Promise<void> {
  const { signal } = (request = new AbortController());
  const caret = box.selectionStart ?? box.value.length;
  const base = box.dataset["complete"] ?? "";
  const address = `${base}${base.includes("?") ? "&" : "?"}prefix=${encode(box.value.slice(0, caret))}`;
  try {
    const response = await fetch(address, { signal, headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(response.statusText);
    const answer = (await response.json()) as Answer;
    if (!signal.aborted && document.activeElement === box) show(box, answer, caret);
  } catch {
    if (!signal.aborted) close(); // without suggestions the box is still a box
  }
}

function show(box: HTMLInputElement, answer: Answer, caret: number): void {
  close();
  if (answer.items.length === 0) return;
  const id = box.getAttribute("aria-controls") ?? "complete";
  const element = made("div", "list");
  const choices = made("ul");
  choices.id = id;
  choices.setAttribute("role", "listbox");
  choices.setAttribute("aria-label", answer.head);
  const options = answer.items.map((item, number) => option(item, `${id}-${number}`));
  choices.append(...options);
  element.append(made("p", "list-head", answer.head), choices);
  const foot = find<HTMLTemplateElement>("template[data-list-foot]", box.form ?? document);
  if (foot) element.append(foot.content.cloneNode(true));
  box.after(element);
  box.setAttribute("aria-expanded", "true");
  list = { box, element, options, items: answer.items, caret, at: -1 };
}

function option(item: Item, id: string): HTMLElement {
  const element = made("li");
  element.id = id;
  element.setAttribute("role", "option");
  element.setAttribute("aria-selected", "false");
  element.append(made("span", "clip", item.label), made("span", "", item.help));
  return element;
}

function made(name: string, className = "", text = ""): HTMLElement {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

function close(): void {
  list?.element.remove();
  list?.box.setAttribute("aria-expanded", "false");
  list?.box.removeAttribute("aria-activedescendant");
  list = null;
}

/** Past either end nothing is chosen, and then it goes on from the other end. */
function choose(open: List, by: 1 | -1): void {
  const places = open.items.length + 1;
  open.at = ((open.at + 1 + by + places) % places) - 1;
  open.options.forEach((element, number) => element.setAttribute("aria-selected", String(number === open.at)));
  const chosen = open.options[open.at];
  if (chosen) open.box.setAttribute("aria-activedescendant", chosen.id);
  else open.box.removeAttribute("aria-activedescendant");
  chosen?.scrollIntoView({ block: "nearest" });
}

function take(open: List, number: number): void {
  const item = open.items[number];
  close();
  if (!item) return;
  open.box.setRangeText(item.text, 0, open.caret, "end");
  open.box.dispatchEvent(new Event("input", { bubbles: true })); // asks for what may follow
}

/** True if the key was for the list. */
function press(box: HTMLInputElement, key: string): boolean {
  if (!list) {
    if (key === "ArrowDown") askSoon(box);
    return key === "ArrowDown";
  }
  if (key === "ArrowDown" || key === "ArrowUp") choose(list, key === "ArrowDown" ? 1 : -1);
  else if (key === "Tab") take(list, Math.max(0, list.at));
  else if (key === "Enter" && list.at >= 0) take(list, list.at);
  else if (key === "Escape") close();
  else return false;
  return true;
}

on("input", BOX, (_, box) => askSoon(box as HTMLInputElement));
on("click", BOX, (_, box) => {
  if (!list) askSoon(box as HTMLInputElement);
});
on("focusout", BOX, stop);
document.addEventListener("submit", stop);

function stop(): void {
  clearTimeout(timer);
  request?.abort();
  close();
}

// Captures, so that Escape closes the list before menus.ts takes the focus away.
document.addEventListener(
  "keydown",
  (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || !box.matches(BOX) || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (press(box, event.key)) event.preventDefault();
  },
  true,
);

on("mousedown", ".list", (event) => event.preventDefault()); // the focus stays in the box
on("click", ".list [role=option]", (_, element) => {
  if (list) take(list, list.options.indexOf(element));
});
