// Does with the published clients what each line of its input asks, and answers each with a line.
//
// A question is {make, config, call, with, older}: `make` is a maker below, given `config`; `call` a method of what it made,
// by its dotted path; `with` what the method is given. `older` runs the wrappers on the older releases of the clients below.
// An answer has `answer` (a stream or a list in pieces), or `error`; and of the HTTP answer `status`, `headers`, and
// `metadata`, as LockLLM's own package reads it.
'use strict';
const Module = require('node:module');
const readline = require('node:readline');
const lockllm = require('@lockllm/sdk');
const OpenAI = require('openai');

const OLDER = { '@anthropic-ai/sdk': 'anthropic-0.71', 'cohere-ai': 'cohere-7.21' };

const makers = {
  package: () => lockllm,
  LockLLM: (config) => new lockllm.LockLLM(config),
  OpenAI: (config) => new OpenAI(config),
  Anthropic: (config) => new (require('@anthropic-ai/sdk'))(config),
  groq: (config) => lockllm.createClient('groq', OpenAI, config),
  createOpenAI: lockllm.createOpenAI,
  createAnthropic: lockllm.createAnthropic,
  createCohere: lockllm.createCohere,
  createGemini: lockllm.createGemini,
  createAzure: lockllm.createAzure,
};

// The wrappers load their clients when they are called, and then get the older releases.
function withOlder(make) {
  const usual = Module._load;
  Module._load = (name, ...more) => usual(OLDER[name] ?? name, ...more);
  try {
    return make();
  } finally {
    Module._load = usual;
  }
}

async function pieces(answer) {
  if (answer === null || typeof answer !== 'object' || !(Symbol.asyncIterator in answer)) return answer;
  const all = [];
  for await (const piece of answer) all.push(piece);
  return all;
}

function told(response) {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    metadata: lockllm.parseProxyMetadata(response.headers),
  };
}

async function answer({ make, config, call, with: given = [], older }) {
  try {
    const client = older ? withOlder(() => makers[make](config)) : makers[make](config);
    const names = call.split('.');
    const method = names.pop();
    const called = names.reduce((owner, name) => owner[name], client)[method](...given);
    if (typeof called?.withResponse === 'function') {
      const { data, response } = await called.withResponse();
      return { answer: await pieces(data), ...told(response) };
    }
    if (typeof called?.withRawResponse === 'function') {
      const { data, rawResponse } = await called.withRawResponse();
      return { answer: await pieces(data), ...told(rawResponse) };
    }
    return { answer: (await pieces(await called)) ?? null };
  } catch (error) {
    const { headers, cause, rawResponse, ...fields } = error;
    return {
      error: { ...fields, is: error.constructor.name, name: error.name, message: error.message },
      ...(headers instanceof Headers ? { headers: Object.fromEntries(headers) } : {}),
    };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  }
})();
