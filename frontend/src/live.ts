// The page follows what is written: twice a second it asks whether there is something new, and then for itself; what
// differs is put in its place. See docs/adr/0006-live-pages.md.
import { find, findAll, on } from "./dom";
import { morph } from "./morph";
import { CURSOR } from "./rows";

const WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const GIVE_UP_MS = 15000;
const AGAIN_MS = 60000; // the window moves on though nothing comes
const HAND_MS = 2000; // so long after the last move of the pointer what lies under it stays where it is
const READING_PX = 120; // scrolled further than this the list is being read
const PAUSED = "wafscope-paused";

/** Sent by the document after parts of the page have changed. */
export const REFRESHED = "wafscope:refreshed";

interface Marks {
  page: string;
  sources: string;
  now: number;
}

class Unanswered extends Error {}

const pulse = find("[data-pulse]");
const pending = new Map<string, Element>(); // parts that wait until the reader lets go of the old ones
const applied = new Map<string, string>();
let timer: number | undefined;
let request: AbortController | null = null;
let failures = 0;
let refreshed = performance.now();
let checked = Date.now(); // the server's clock when it last said that the page is the newest
let isDown = false; // a button of the pointer is held
let moved = -Infinity;
let isPicked = false; // the reader chose a row of the list

// --- asking ---

function isPaused(): boolean {
  return find("[data-pulse-pause]", pulse ?? undefined)?.getAttribute("aria-pressed") === "true";
}

function stop(): void {
  clearTimeout(timer);
  request?.abort();
  request = null;
}

function ask(after = 0): void {
  stop();
  if (pulse && !isPaused() && !document.hidden) timer = window.setTimeout(() => void turn(pulse), after);
}

async function turn(here: HTMLElement): Promise<void> {
  const mine = (request = new AbortController());
  const signal = AbortSignal.any([mine.signal, AbortSignal.timeout(GIVE_UP_MS)]);
  const started = performance.now();
  try {
    const marks = (await (await get("/live", signal)).json()) as Marks;
    const watched = marks[here.dataset["watch"] as "page" | "sources"];
    const isOld = performance.now() - refreshed > AGAIN_MS;
    if (!isDown && (watched !== here.dataset["mark"] || isOld)) await refresh(here, signal);
    else if (!isDown) applyAll();
    if (watched === here.dataset["mark"]) checked = marks.now / 1000;
    failures = 0;
    say("following");
  } catch (error) {
    if (mine.signal.aborted) return;
    failures += 1;
    say(error instanceof Unanswered ? "unanswered" : "lost");
  }
  if (request !== mine) return;
  // A page that takes long to make is asked for less often; a server that is away even less.
  const took = performance.now() - started;
  ask(Math.min(LONGEST_WAIT_MS, failures ? WAIT_MS * 2 ** (failures - 1) : Math.max(WAIT_MS, 2 * took)));
}

async function get(address: string, signal: AbortSignal, headers: HeadersInit = {}): Promise<Response> {
  const answer = await fetch(address, { signal, headers, cache: "no-store", redirect: "error" });
  if (!answer.ok) throw new Unanswered(answer.statusText);
  return answer;
}

async function refresh(here: HTMLElement, signal: AbortSignal): Promise<void> {
  const counted = find("[data-live=list]")?.dataset["counted"] ?? "1";
  const address = location.pathname + location.search;
  const text = await (await get(address, signal, { "Wafscope-Live": counted })).text();
  const page = new DOMParser().parseFromString(text, "text/html");
  const next = find("[data-pulse]", page);
  if (scriptOf(page) !== scriptOf(document)) return location.reload(); // the console was replaced by another version
  if (isDown) return; // asked for again, since the mark is the old one
  put(page);
  refreshed = performance.now();
  if (next?.dataset["mark"]) here.dataset["mark"] = next.dataset["mark"];
}

function scriptOf(page: Document): string {
  return find("script[type=module]", page)?.getAttribute("src") ?? "";
}

// --- putting in place ---

function put(page: Document): void {
  const fresh = findAll("[data-live]", page);
  const names = (parts: HTMLElement[]): string => parts.map((part) => part.dataset["live"]).join(" ");
  if (names(fresh) !== names(findAll("[data-live]"))) {
    // The first event has come, or the last one is out of the window: it is another page.
    pending.clear();
    applied.clear();
    for (const part of ["#main", "[data-live=problems]"]) replace(find(part), find(part, page));
  }
  for (const part of fresh) pending.set(part.dataset["live"] ?? "", part);
  applyAll();
}

function replace(old: Element | null, fresh: Element | null): void {
  if (old && fresh) morph(old, fresh);
}

function applyAll(): void {
  const isRead = isReading();
  for (const [name, fresh] of [...pending]) {
    const old = find(`[data-live="${name}"]`);
    if (old && isHeld(name, old, fresh, isRead)) continue;
    pending.delete(name);
    if (!old || (applied.get(name) === fresh.outerHTML && name !== "arrived")) continue;
    if (name !== "arrived") morph(old, fresh);
    else if (isRead) tell(old, fresh);
    applied.set(name, fresh.outerHTML);
  }
  const arrived = find("[data-live=arrived]");
  if (arrived && !isRead) tell(arrived, null);
  document.dispatchEvent(new CustomEvent(REFRESHED));
}

/** The rows that came while the list is being read: how many, and a way to them. */
function tell(old: Element, fresh: Element | null): void {
  const was = old.childElementCount;
  if (fresh) morph(old, fresh);
  else old.replaceChildren();
  const link = find("[data-arrived]", old);
  if (link && !was) announce(link.dataset["said"] ?? ""); // once, not with each event
  else if (!link && was) announce("");
}

function isHeld(name: string, old: HTMLElement, fresh: Element, isRead: boolean): boolean {
  if (fresh.getAttribute("aria-busy") === "true") return true; // not ready: the old one is better
  if (name === "list" || name === "preview") return isRead;
  if (name === "range") return find("details[open]", old) !== null;
  if (name === "arrived" || name === "problems") return false;
  return isUnderHand(old);
}

/** The pointer is on its way to something in there, which must not move away from under it. */
function isUnderHand(part: Element): boolean {
  return performance.now() - moved < HAND_MS && part.matches(":hover");
}

function isReading(): boolean {
  const list = find("[data-live=list]");
  if (!list) return false;
  const hasFocus = list.contains(document.activeElement);
  return isPicked || hasFocus || scrollY > READING_PX || "later" in list.dataset || isUnderHand(list);
}

on("click", "a[data-arrived]", (event, link) => {
  const list = pending.get("list");
  if (!list || event.ctrlKey || event.metaKey || event.shiftKey || "later" in (list as HTMLElement).dataset) return;
  event.preventDefault();
  const hadFocus = link === document.activeElement && link.matches(":focus-visible");
  for (const name of ["list", "preview"]) replace(find(`[data-live=${name}]`), pending.get(name) ?? null);
  for (const name of ["list", "preview", "arrived"]) pending.delete(name);
  const arrived = find("[data-live=arrived]");
  if (arrived) tell(arrived, null);
  applied.clear();
  isPicked = false;
  scrollTo(0, 0);
  if (hadFocus) find("[data-live=list] tr[data-href]")?.focus({ preventScroll: true });
});

document.addEventListener(CURSOR, (event) => {
  if (event.target instanceof Element && event.target.closest("[data-live=list]")) isPicked = true;
});
document.addEventListener("pointerdown", () => (isDown = true), true);
for (const type of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(type, () => (isDown = false), true);
document.addEventListener("pointermove", (event) => {
  if (event.buttons === 0) isDown = false; // let go where nobody could tell
  if (event.pointerType === "mouse") moved = performance.now();
});

// --- telling ---

const said = document.createElement("p");
said.className = "vh";
said.setAttribute("role", "status");
document.body.append(said);

function announce(text: string): void {
  said.textContent = text;
}

type Word = "following" | "paused" | "lost" | "unanswered";

function say(word: Word): void {
  const state = find("[data-pulse-state]", pulse ?? undefined);
  const asOf = find("[data-pulse-as-of]", pulse ?? undefined);
  const text = state?.dataset[word] ?? "";
  if (!state || !asOf || state.textContent === text) return; // said again it would be read out again
  state.textContent = text;
  state.classList.toggle("is-paused", word === "paused");
  state.classList.toggle("is-late", word === "lost" || word === "unanswered");
  asOf.textContent = word === "following" ? "" : (asOf.dataset["pulseAsOf"] ?? "").replace("%time%", clock(checked));
}

function clock(moment: number): string {
  try {
    return new Date(moment).toLocaleTimeString("en-GB", { timeZone: pulse?.dataset["zone"] ?? "UTC" });
  } catch {
    return `${new Date(moment).toISOString().slice(11, 19)} UTC`; // a zone that this browser does not know
  }
}

function pause(button: Element, isOn: boolean): void {
  button.setAttribute("aria-pressed", String(isOn));
  try {
    sessionStorage.setItem(PAUSED, isOn ? "1" : ""); // of this tab: the URL says what is looked at, not how
  } catch {
    // Storage is switched off: the choice holds for this page.
  }
  if (!isOn) {
    say("following");
    return ask();
  }
  stop();
  say("paused");
}

function wasPaused(): boolean {
  try {
    return sessionStorage.getItem(PAUSED) === "1";
  } catch {
    return false;
  }
}

on("click", "[data-pulse-pause]", (_, button) => pause(button, button.getAttribute("aria-pressed") !== "true"));
document.addEventListener("visibilitychange", () => ask());
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => {
  if (event.persisted) ask();
});

if (pulse) {
  pulse.hidden = false;
  const button = find("[data-pulse-pause]", pulse);
  isPicked = find("[data-live=list] tr.is-cursor:not(:first-child)") !== null; // back from an event
  checked = Number(pulse.dataset["now"]) || checked;
  if (button && wasPaused()) pause(button, true);
  ask(WAIT_MS);
}
