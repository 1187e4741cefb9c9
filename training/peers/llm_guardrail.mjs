// Scores of npm llm_guardrail 2.1.2 (linear): `node llm_guardrail.mjs PACKAGE_FOLDER ROWS.jsonl.gz OUT.jsonl [OTHER.jsonl]`.
// The higher of its two models for injection and jailbreak counts. OTHER: scores only the rows that this file of scores holds.
import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { createGunzip } from "node:zlib";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [folder, rows, out, other] = process.argv.slice(2);
const wanted = other && new Set(readFileSync(other, "utf8").trim().split("\n").map((line) => JSON.parse(line).i));
const { checkInjection, checkJailbreak } = await import(pathToFileURL(join(folder, "index.js")).href);
const lines = createInterface({ input: createReadStream(rows).pipe(createGunzip()), crlfDelay: Infinity });
const scores = [];
let row = -1;
for await (const line of lines) {
  row += 1;
  if (wanted && !wanted.has(row)) continue;
  const { text } = JSON.parse(line);
  const found = await Promise.all([checkInjection(text), checkJailbreak(text)]);
  scores.push(JSON.stringify({ i: row, score: Math.max(...found.map((one) => one.confidence)) }));
}
writeFileSync(out, scores.join("\n") + "\n");
