// Reads cases {library, secret, headers, body (base64)} as a JSON list; answers for each `good` or the error's message.

const libraries = { standardwebhooks: require('standardwebhooks').Webhook, svix: require('svix').Webhook };

const cases = JSON.parse(require('node:fs').readFileSync(0));
const answers = cases.map(({ library, secret, headers, body }) => {
  try {
    new libraries[library](secret).verify(Buffer.from(body, 'base64'), headers);
    return 'good';
  } catch (error) {
    return error.message;
  }
});
console.log(JSON.stringify(answers));
