// An Express application that does not listen: who imports it decides who serves it.

import express, { type Express } from 'express';

export const app: Express = express();
app.use(express.json());

app.get('/', (_req, res) => {
  res.type('text/plain').send('Hello World!');
});

app.get('/hello/:name', (req, res) => {
  res.json({ hello: req.params.name });
});

app.post('/echo', (req, res) => {
  res.json(req.body);
});
