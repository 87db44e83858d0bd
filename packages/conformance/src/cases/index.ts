// Every case, in the order of a request's life.

import type { Case } from '../case.ts';
import { drainCases } from './drain.ts';
import { failureCases } from './failure.ts';
import { httpCases } from './http.ts';
import { lifecycleCases } from './lifecycle.ts';
import { refusalCases } from './refusals.ts';
import { requestCases } from './request.ts';
import { requestBodyCases } from './request-body.ts';
import { responseCases } from './response.ts';
import { responseBodyCases } from './response-body.ts';
import { upgradeCases } from './upgrade.ts';

export const cases: readonly Case[] = [
  ...lifecycleCases,
  ...requestCases,
  ...refusalCases,
  ...requestBodyCases,
  ...responseCases,
  ...responseBodyCases,
  ...upgradeCases,
  ...failureCases,
  ...drainCases,
  ...httpCases,
];
