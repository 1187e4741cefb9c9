// Scores of npm llm_guardrail 2.1.2 (linear): `node llm_guardrail.mjs PACKAGE_FOLDER ROWS.jsonl.gz OUT.jsonl`.
// The higher of its two models for injection and jailbreak counts.
import { createReadStream, writeFileSync } from "node:fs";
import { createGunzip } from "node:zlib";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [folder, rows, out] = process.argv.slice(2);
const { checkInjection, checkJailbreak } = await import(pathToFileURL(join(folder, "index.js")).href);
const lines = createInterface({ input: createReadStream(rows).pipe(createGunzip()), crlfDelay: Infinity });
const scores = [];
for await (const line of lines) {
  const { text } = JSON.parse(line);
  const found = await Promise.all([checkInjection(text), checkJailbreak(text)]);
  scores.push(JSON.stringify({ i: scores.length, score: Math.max(...found.map((one) => one.confidence)) }));
}
writeFileSync(out, scores.join("\n") + "\n");
