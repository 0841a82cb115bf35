// The theme switch: light or dark until the reader changes it, on this browser.
import { on } from "./dom";

on("click", "[data-theme-switch]", () => {
  const root = document.documentElement;
  const chosen = root.dataset["theme"];
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset["theme"] = dark ? "light" : "dark";
  try {
    localStorage.setItem("wafscope-theme", root.dataset["theme"]); // boot.ts reads it
  } catch {
    // Storage is switched off: the choice holds for this page.
  }
});
