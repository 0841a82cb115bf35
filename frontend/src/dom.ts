// What several modules ask of the document.

/** Listens on the document for events inside elements that match the selector. */
export function on<Type extends keyof DocumentEventMap>(
  type: Type,
  selector: string,
  handle: (event: DocumentEventMap[Type], element: HTMLElement) => void,
): void {
  document.addEventListener(type, (event) => {
    const element = event.target instanceof Element ? event.target.closest<HTMLElement>(selector) : null;
    if (element) handle(event, element);
  });
}

export function find<Found extends Element = HTMLElement>(selector: string, inside: ParentNode = document): Found | null {
  return inside.querySelector<Found>(selector);
}

export function findAll<Found extends Element = HTMLElement>(selector: string, inside: ParentNode = document): Found[] {
  return [...inside.querySelectorAll<Found>(selector)];
}

/** True for a key that is meant as a command: nobody types, no dialog is open, and it is no key of the browser. */
export function isCommand(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return false;
  return !isTyping(event.target) && !find("dialog[open]");
}

export function isTyping(target: EventTarget | null): target is HTMLElement {
  const fields = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), select, textarea";
  return target instanceof HTMLElement && (target.isContentEditable || target.matches(fields));
}

export function isVisible(element: Element): boolean {
  return element.getClientRects().length > 0;
}

type Attributes = Record<string, string | number>;

/** Makes or changes an SVG element by attributes; the content security policy allows no styles from scripts. */
export function drawn<Name extends keyof SVGElementTagNameMap>(name: Name, attributes: Attributes): SVGElementTagNameMap[Name] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  set(element, attributes);
  return element;
}

export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}
