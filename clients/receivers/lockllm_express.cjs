// An Express receiver of the second product's kind: the secret itself in a header, and `request_id` told apart.

const { timingSafeEqual } = require('node:crypto');
const express = require('express');

const secret = Buffer.from(process.env.WARDBELL_WEBHOOK_SECRET);
const seen = new Set();
const app = express();

app.post('/alerts', express.json(), (request, response) => {
  const given = Buffer.from(request.get('X-LockLLM-Signature') ?? '');
  if (given.length !== secret.length || !timingSafeEqual(given, secret)) return response.sendStatus(401);
  const event = request.body;
  if (!seen.has(event.request_id)) {
    seen.add(event.request_id);
    console.log('alert', event.event, event.request_id);
  }
  return response.sendStatus(200);
});

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/alerts`);
});
