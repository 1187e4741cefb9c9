// A receiver of Wardbell's alerts that needs nothing but Node.js 18.
// WARDBELL_WEBHOOK_SECRET=whsec_… PORT=8788 node receiver.mjs

import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const KEY = Buffer.from(process.env.WARDBELL_WEBHOOK_SECRET.slice('whsec_'.length), 'base64');
const BODY_BYTES_MAX = 1024 * 1024;
const TOLERANCE_SECONDS = 300;
const SEEN_MAX = 10_000;

// In memory this forgets at a restart. Where it matters, put id and body into a table with a unique id before answering.
const seen = new Set();

// The delivery's id if it is from Wardbell and fresh, else undefined.
function verified(headers, body) {
  const [id, stamp, tokens] = ['id', 'timestamp', 'signature'].map((name) => headers[`webhook-${name}`] ?? '');
  if (!/^\d{1,15}$/.test(stamp) || Math.abs(Date.now() / 1000 - Number(stamp)) > TOLERANCE_SECONDS) return undefined;
  const expected = createHmac('sha256', KEY).update(`${id}.${stamp}.`).update(body).digest();
  // During a rotation there is a token for each live secret: one match is enough.
  const matches = tokens.split(' ').some((token) => {
    const given = Buffer.from(token.slice('v1,'.length), 'base64');
    return token.startsWith('v1,') && given.length === expected.length && timingSafeEqual(given, expected);
  });
  return matches ? id : undefined;
}

function work(alert) {
  console.log('alert', alert.event, alert.severity, alert.webhook_id);
}

async function receive(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > BODY_BYTES_MAX) return 413;
    pieces.push(piece);
  }
  const body = Buffer.concat(pieces); // the bytes as they came: never parse and write again before verifying
  const id = verified(request.headers, body);
  if (id === undefined) return 401;
  if (!seen.has(id)) {
    seen.add(id);
    if (seen.size > SEEN_MAX) seen.delete(seen.values().next().value);
    setImmediate(work, JSON.parse(body)); // after the answer
  }
  return 204;
}

const server = createServer(async (request, response) => {
  const status = request.method === 'POST' ? await receive(request).catch(() => 500) : 405;
  response.writeHead(status, { 'content-length': 0 }).end();
});
server.requestTimeout = 10_000;
server.listen(Number(process.env.PORT ?? 8788), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
