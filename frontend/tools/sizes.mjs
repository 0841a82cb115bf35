// Prints what a browser loads for a page, and fails over the budget.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budget = 60 * 1024;
const folder = new URL("../../src/wafscope/web/static/", import.meta.url);
const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} KB`.padStart(9);

let total = 0;
console.log("file              size     gzip");
for (const name of readdirSync(folder).filter((file) => /\.(css|js|svg)$/.test(file)).sort()) {
  const content = readFileSync(new URL(name, folder));
  const packed = gzipSync(content, { level: 9 }).length;
  total += packed;
  console.log(name.padEnd(13) + kilobytes(content.length) + kilobytes(packed));
}
console.log("together".padEnd(22) + kilobytes(total) + ` of ${budget / 1024} KB allowed`);
process.exitCode = total > budget ? 1 : 0;
