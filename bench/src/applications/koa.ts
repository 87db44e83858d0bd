// The application in Koa, which reads bodies itself: Koa has no parser of its own.

import { text } from 'node:stream/consumers';
import Koa from 'koa';
import { DOCUMENT } from '../payloads.ts';

export function koaApplication(): Koa {
  const app = new Koa();
  app.use(async (ctx) => {
    if (ctx.path === '/hello') ctx.body = { hello: 'world' };
    else if (ctx.path === '/json') ctx.body = DOCUMENT;
    else if (ctx.path === '/upload') ctx.body = { items: JSON.parse(await text(ctx.req)).items.length };
  });
  return app;
}
