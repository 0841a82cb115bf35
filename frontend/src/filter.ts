// The filter travels in the URL as base64url, backwards: written out, the site's own firewall would stop
// `?q=union select`, and some of its rules decode base64. The same as `encode` of wafscope/query/parser.py.

export function encode(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  if (!base64) return "";
  const shown = base64.replaceAll("+", ".").replaceAll("/", "_").replaceAll("=", "");
  return `.${[...shown].reverse().join("")}`;
}

// Comes up while the browser collects what a form sends, so the form itself stays as it is for the way back.
document.addEventListener("formdata", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-filter-form]")) return;
  const text = event.formData.get("q");
  if (typeof text !== "string") return;
  event.formData.delete("q");
  event.formData.delete("f");
  if (text.trim()) event.formData.set("f", encode(text.trim()));
});
