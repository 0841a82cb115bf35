// Builds two scripts and one style sheet with fixed names: the pages name them, and the server adds the version.
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/wafscope/web/static",
    emptyOutDir: true,
    // The first browsers that know light-dark(); older targets would have it rewritten.
    target: ["chrome123", "edge123", "firefox128", "safari17.5"],
    modulePreload: false,
    sourcemap: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false, // tools/sizes.mjs does, against the budget
    rolldownOptions: {
      checks: { eval: false }, // htmx holds one; allowEval and the content security policy keep it from being called
      input: { wafscope: "src/main.ts", boot: "src/boot.ts" },
      output: { entryFileNames: "[name].js", assetFileNames: "wafscope[extname]" },
    },
  },
});
