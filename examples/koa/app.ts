// A Koa application that does not listen: who imports it decides who serves it.

import { json } from 'node:stream/consumers';
import Koa from 'koa';

export const app = new Koa();

app.use(async (ctx) => {
  const [first = '', name = ''] = ctx.path.slice(1).split('/');
  if (ctx.method === 'GET' && ctx.path === '/') ctx.body = 'Hello World!';
  else if (ctx.method === 'GET' && first === 'hello') ctx.body = { hello: decodeURIComponent(name) };
  else if (ctx.method === 'POST' && ctx.path === '/echo') ctx.body = await json(ctx.req);
});
