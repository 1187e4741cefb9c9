// An Express receiver of the first product's kind: `X-AISG-Signature` over the raw body, and `webhook_id` told apart.

const { createHmac, timingSafeEqual } = require('node:crypto');
const express = require('express');

const secret = process.env.WARDBELL_WEBHOOK_SECRET;
const seen = new Set();
const app = express();

// The bytes as they came, not an object that was parsed from them.
app.post('/alerts', express.raw({ type: 'application/json' }), (request, response) => {
  const expected = Buffer.from(`sha256=${createHmac('sha256', secret).update(request.body).digest('hex')}`);
  const given = Buffer.from(request.get('X-AISG-Signature') ?? '');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return response.sendStatus(401);
  const event = JSON.parse(request.body);
  if (!seen.has(event.webhook_id)) {
    seen.add(event.webhook_id);
    console.log('alert', event.event, event.project_id, event.data.entity_types.join(','));
  }
  return response.sendStatus(200);
});

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/alerts`);
});
