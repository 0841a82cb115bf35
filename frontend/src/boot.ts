// Runs before the first paint, so that a chosen theme does not flash. A classic script: nothing is imported here.
(() => {
  try {
    const theme = localStorage.getItem("wafscope-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
  } catch {
    // Storage is switched off: the theme follows the system.
  }
})();
