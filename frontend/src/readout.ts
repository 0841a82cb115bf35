// While the pointer is over a chart, a box tells the figures of the bar under it. Drawn in SVG: a box in HTML would
// need inline styles to stand where the pointer is.
import { AXIS, share } from "./brush";
import { REFRESHED } from "./live";
import { drawn, find, findAll, set } from "./dom";

const LINE = 15;
const PAD = 6;
const texts = new WeakMap<Element, string>();
let shown: Element | null = null;
let tip: SVGGElement | null = null;
let last: { plot: SVGSVGElement; x: number } | null = null;

document.addEventListener("pointermove", (event) => {
  const plot = event.target instanceof Element ? event.target.closest<SVGSVGElement>("svg[data-brush]") : null;
  const bin = plot && binAt(plot, 100 * share(plot, event.clientX));
  last = plot && { plot, x: event.clientX };
  if (bin === shown) return;
  hide();
  if (plot && bin) show(plot, bin);
});
document.addEventListener("pointerout", (event) => {
  if (!event.relatedTarget) hide(); // the pointer left the window
});
// The chart under the pointer may have changed: another bar stands there now, or the same with other figures.
document.addEventListener(REFRESHED, () => {
  if (!shown || !last) return;
  hide();
  const bin = last.plot.isConnected ? binAt(last.plot, 100 * share(last.plot, last.x)) : null;
  if (bin) show(last.plot, bin);
});

function hide(): void {
  tip?.remove();
  tip = shown = null;
}

function binAt(plot: Element, percent: number): Element | null {
  return findAll<SVGGElement>("g[data-bin]", plot).find((bin) => within(bin, percent)) ?? null;
}

function within(bin: SVGGElement, percent: number): boolean {
  const [left, right] = sides(bin);
  return left <= percent && percent < right;
}

function sides(bin: SVGGElement): [number, number] {
  return [parseFloat(bin.dataset["x0"] ?? ""), parseFloat(bin.dataset["x1"] ?? "")];
}

/** The title goes once it was read, else the browser would show it as well. */
function textOf(bin: Element): string {
  const title = find<SVGTitleElement>("title", bin);
  if (title) texts.set(bin, title.textContent.trim());
  title?.remove();
  return texts.get(bin) ?? "";
}

function show(plot: SVGSVGElement, bin: Element): void {
  const { width, height } = plot.getBoundingClientRect();
  const [left, right] = sides(bin as SVGGElement);
  const lines = textOf(bin).split("\n");
  const text = drawn("text", {});
  text.append(...lines.map((line) => Object.assign(drawn("tspan", {}), { textContent: line.trim() })));
  const box = drawn("rect", { class: "tip-box", y: 1, height: lines.length * LINE + PAD, rx: 2 });
  const band = drawn("rect", { class: "tip-bin", x: `${left}%`, width: `${right - left}%`, y: 0, height: height - AXIS });
  tip = drawn("g", { class: "tip", "aria-hidden": "true" });
  tip.append(band, box, text);
  plot.append(tip);
  shown = bin;
  // Only now it has a width. It stands beside the bar, on the side with more room.
  const wide = Math.max(...[...text.children].map((line) => (line as SVGTSpanElement).getComputedTextLength())) + 2 * PAD;
  const x = left + right < 100 ? (width * right) / 100 + PAD : (width * left) / 100 - PAD - wide;
  set(box, { x, width: wide });
  [...text.children].forEach((line, number) => set(line, { x: x + PAD, y: LINE * (number + 1) - 1 }));
}
