// The event under the row cursor, beside the list.
import htmx from "htmx.org";
import { isVisible } from "./dom";
import { CURSOR } from "./rows";

const WAIT_MS = 120; // long enough not to load each row that is passed
let timer: number | undefined;

document.addEventListener(CURSOR, (event) => {
  const address = (event.target as HTMLElement).dataset["preview"];
  clearTimeout(timer);
  if (address) timer = window.setTimeout(load, WAIT_MS, address);
});

function load(address: string): void {
  const preview = document.getElementById("preview");
  if (!preview || !isVisible(preview)) return;
  htmx.trigger(preview, "htmx:abort", {}); // an older answer must not come last
  const failed = () => undefined; // fragments.ts says so
  htmx.ajax("get", address, { source: preview, target: preview, swap: "innerHTML" }).catch(failed);
}
