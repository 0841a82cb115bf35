// Dragging across a chart chooses a time span; a double click goes back to the wider one.
import { drawn, findAll, on, set } from "./dom";

/** Height of the labels under the plot. */
export const AXIS = 22;
const CLICK_PX = 4;

interface Drag {
  plot: SVGSVGElement;
  pointer: number;
  startX: number;
  band: SVGGElement | null; // drawn once it is more than a click
  span: [number, number];
}

let drag: Drag | null = null;

/** Where a pointer is between the left and the right edge of the plot, 0 to 1. */
export function share(plot: Element, clientX: number): number {
  const { left, width } = plot.getBoundingClientRect();
  return Math.max(0, Math.min(1, (clientX - left) / width));
}

/** The two times between which a drag went, moved outwards to whole steps. */
function spanOf(plot: SVGSVGElement, x1: number, x2: number): [number, number] {
  const [from, to, step] = edges(plot);
  const [low, high] = [x1, x2].map((x) => share(plot, x) * (to - from)).sort((a, b) => a - b) as [number, number];
  return [from + Math.floor(low / step) * step, Math.min(to, from + Math.max(1, Math.ceil(high / step)) * step)];
}

function edges(plot: SVGSVGElement): [number, number, number] {
  return [Number(plot.dataset["from"]), Number(plot.dataset["to"]), Number(plot.dataset["step"]) || 1];
}

function draw({ plot, band, span }: Drag): void {
  const [from, to] = edges(plot);
  const [left, right] = span.map((time) => (100 * (time - from)) / (to - from)) as [number, number];
  const [fill, ...lines] = [...(band?.children ?? [])];
  if (fill) set(fill, { x: `${left}%`, width: `${right - left}%` });
  lines.forEach((line, side) => set(line, { x1: `${side ? right : left}%`, x2: `${side ? right : left}%` }));
}

function bandOf(plot: SVGSVGElement): SVGGElement {
  const height = plot.getBoundingClientRect().height - AXIS;
  const band = drawn("g", { "data-brush-live": "" });
  band.append(drawn("rect", { class: "brush", y: 0, height }));
  for (let side = 0; side < 2; side += 1) band.append(drawn("line", { class: "brush-edge", y1: 0, y2: height }));
  plot.append(band);
  return band;
}

function cancel(): void {
  drag?.band?.remove();
  drag = null;
}

on("pointerdown", "svg[data-brush]", (event, element) => {
  if (event.button !== 0 || !event.isPrimary) return;
  const plot = element as Element as SVGSVGElement;
  drag = { plot, pointer: event.pointerId, startX: event.clientX, band: null, span: [0, 0] };
});

document.addEventListener("pointermove", (event) => {
  if (event.pointerId !== drag?.pointer) return;
  if (!drag.band) {
    if (Math.abs(event.clientX - drag.startX) < CLICK_PX) return;
    drag.plot.setPointerCapture(event.pointerId); // not before: a click on a link in the chart stays one
    drag.band = bandOf(drag.plot);
  }
  drag.span = spanOf(drag.plot, drag.startX, event.clientX);
  draw(drag);
});

document.addEventListener("pointerup", (event) => {
  if (event.pointerId !== drag?.pointer) return;
  const { plot, band, span } = drag;
  drag = null; // the band stays till the next page is there
  const address = plot.dataset["href"];
  if (band && address) {
    location.assign(address.replaceAll("__FROM__", String(span[0])).replaceAll("__TO__", String(span[1])));
  }
});

document.addEventListener("pointercancel", cancel);
on("dragstart", "svg[data-brush]", (event) => event.preventDefault());
on("dblclick", "svg[data-brush]", (_, plot) => {
  if (plot.dataset["out"]) location.assign(plot.dataset["out"]);
});

// Captures, so that Escape ends the drag and nothing else.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Escape" || !drag) return;
    event.preventDefault();
    cancel();
  },
  true,
);

// Coming back to a page that the browser kept, the band of the last drag would still be there.
addEventListener("pagehide", () => {
  for (const band of findAll("[data-brush-live]")) band.remove();
});
