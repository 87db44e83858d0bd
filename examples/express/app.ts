// An Express application that does not listen: who imports it decides who serves it.

import { fromExpress } from '@tsgi/bridge-node';
import type { Application } from '@tsgi/core';
import express from 'express';

const app = express();
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

export const application: Application = fromExpress(app);
