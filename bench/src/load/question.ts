// What a client of the load sends, and how it knows whether the reply is the right one.

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { crc32 } from 'node:zlib';
import { BODY_SIZE, bytesOf, CHECKSUM } from './application.ts';

export interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  /** Sent with its length. */
  readonly body?: Buffer;
  /** What is wrong with a complete reply of status 200; null for nothing. */
  judge(headers: IncomingHttpHeaders, body: Buffer): string | null;
}

/** Makes the `turn`th question of a client, which is the `number`th of them all. */
export type Questions = (turn: number, number: number) => Question;

/** For {@link import('./application.ts').loadApplication}: a GET and a POST of 16 KiB by turns. */
export const items: Questions = (turn, number) => {
  const sent = bytesOf(number);
  const isGet = turn % 2 === 0;
  return {
    method: isGet ? 'GET' : 'POST',
    path: `/item/${number}`,
    headers: isGet ? {} : { 'content-type': 'application/octet-stream', [CHECKSUM]: String(crc32(sent)) },
    ...(!isGet && { body: sent }),
    judge(headers, body) {
      if (headers[CHECKSUM] !== String(crc32(body))) return 'answered with a body that is not the one sent';
      const right = isGet ? body.equals(sent) : body.toString() === `{"received":${BODY_SIZE}}`;
      return right ? null : "answered with another request's body";
    },
  };
};
