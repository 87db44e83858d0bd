// What programs may send: JSON in UTF-8, checked as it is. Nothing is guessed, converted or left out: what a client wrote
// wrong it is told, and not shown later as something else.

import { Ajv, type Options } from 'ajv';
import type { FastifyInstance } from 'fastify';
import { Refusal } from '../modules/refusal.ts';
import { FORM } from './problems.ts';

const OPTIONS: Options = { allErrors: true, useDefaults: true, verbose: true };

/** Bodies and parameters of the routes of `app` are read and checked so. */
export function readStrictly(app: FastifyInstance): void {
  const asItIs = new Ajv(OPTIONS).addKeyword(FORM);
  // All of a path or query is text, so there numbers are read from it. Infinity, as which 1e309 is read, is above every
  // maximum only without strictNumbers.
  const fromText = new Ajv({ ...OPTIONS, coerceTypes: true, strictNumbers: false }).addKeyword(FORM);
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? asItIs : fromText).compile(schema as Record<string, unknown>),
  );

  const parse = app.getDefaultJsonParser('error', 'error');
  // Without text/plain, which Fastify reads too.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    let text: string;
    try {
      // Strict, and without a byte-order mark; Fastify's own puts U+FFFD where a byte is wrong.
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes as Buffer);
    } catch {
      return done(wrongBody('must be UTF-8'));
    }
    if (text === '') return done(wrongBody('must not be empty'));
    parse(request, text, done);
  });
}

function wrongBody(message: string): Refusal {
  return new Refusal(400, `the body ${message}`, [{ in: 'body', field: '', message }]);
}
