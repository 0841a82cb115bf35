// Makes a part of the page equal to a new one by changing only what differs: what has the focus, is hovered, selected,
// scrolled or opened stays the same element, and nothing flickers.

/** Put there by scripts; the server knows nothing of it. */
const OWN = ".tip, [data-brush-live], .search > .list";

export function morph(old: Element, fresh: Element): void {
  const focused = document.activeElement;
  become(old, fresh);
  // A row that had to move lost the focus on the way.
  if (focused instanceof HTMLElement && focused.isConnected && focused !== document.activeElement) {
    focused.focus({ preventScroll: true });
  }
}

function become(old: Element, fresh: Element): void {
  if (old.isEqualNode(fresh)) return;
  becomeLike(old, fresh);
  fill(old, fresh);
}

function becomeLike(old: Element, fresh: Element): void {
  const isDetails = old.nodeName === "DETAILS";
  const isCursor = old.classList.contains("is-cursor") && !old.closest("[data-live=list]");
  for (const { name, value } of [...fresh.attributes]) {
    if (isDetails && name === "open") continue; // the reader opens and closes it
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(isDetails && name === "open")) old.removeAttribute(name);
  }
  if (isCursor) old.classList.add("is-cursor");
}

/** What an element is about; those without are told apart by their place. */
function keyOf(node: Node): string {
  if (!(node instanceof Element)) return "";
  const link = node.nodeName === "LI" ? node.querySelector("a") : null; // an item is about what it leads to
  const named = ["id", "data-live", "data-key", "data-href"].map((name) => node.getAttribute(name));
  return named.find(Boolean) ?? link?.getAttribute("href") ?? "";
}

function isOwn(node: Node): boolean {
  return node instanceof Element && node.matches(OWN);
}

function fill(old: Element, fresh: Element): void {
  const left = new Set([...old.childNodes].filter((node) => !isOwn(node)));
  const plan = [...fresh.childNodes].map((next): [Node, Node | null] => {
    const found = [...left].find((node) => node.nodeName === next.nodeName && keyOf(node) === keyOf(next)) ?? null;
    if (found) left.delete(found);
    return [next, found];
  });
  for (const node of left) node.remove(); // before anything is put in: what stays need not move then
  let at: Node | null = old.firstChild;
  for (const [next, found] of plan) {
    while (at && isOwn(at)) at = at.nextSibling;
    const node = found ?? document.importNode(next, true);
    if (node === at) at = at.nextSibling;
    else old.insertBefore(node, at);
    if (!found) continue;
    if (found instanceof Element) become(found, next as Element);
    else if (found.nodeValue !== next.nodeValue) found.nodeValue = next.nodeValue;
  }
}
