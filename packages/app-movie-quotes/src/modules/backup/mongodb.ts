// MongoDB: each collection as BSON, one document after the other, as mongodump writes it and mongorestore reads it.
//
// It is copied after the catalogue's database. A standalone server has no snapshot, and needs none here: a document is
// changed by one atomic update with the number of the reaction in it, so each is as it was at some moment after the
// catalogue's. What the outbox of the catalogue still has, is delivered again and taken once (see reactions/mongo-store.ts).

import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { pipeline as piped } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import mongoose from 'mongoose';
import type { MongodbConfig } from '../../config/config.ts';
import { BackupFailure } from './failure.ts';
import type { Counts } from './manifest.ts';

/** Milliseconds to find the server. */
const SELECTION = 10_000;
/** Documents of one insert. */
const BATCH = 500;

type Db = mongoose.mongo.Db;

export const fileOf = (folder: string, collection: string): string => join(folder, 'mongodb', `${collection}.bson.gz`);

export async function withMongodb<Result>({ url }: MongodbConfig, work: (db: Db) => Promise<Result>): Promise<Result> {
  const { host, pathname } = new URL(url);
  const client = new mongoose.mongo.MongoClient(url, { serverSelectionTimeoutMS: SELECTION, appName: 'movie-quotes' });
  try {
    return await work(client.db());
  } catch (cause) {
    if (!(cause instanceof mongoose.mongo.MongoError)) throw cause;
    const reason = cause.message.split('\n', 1)[0]?.slice(0, 200);
    throw new BackupFailure(
      `MongoDB at mongodb://${host}${pathname} failed (${reason})`,
      'start it, or correct MONGODB_URL or MONGODB_PASSWORD',
      { cause },
    );
  } finally {
    await client.close(true);
  }
}

/** Writes all collections under `folder`, and counts their documents. */
export async function dumpMongodb(db: Db, folder: string): Promise<Counts> {
  const counts: Record<string, number> = {};
  await mkdir(join(folder, 'mongodb'), { mode: 0o700 });
  for (const name of await collectionsOf(db)) {
    counts[name] = 0;
    await piped(
      Readable.from(
        (async function* () {
          // As the server has it: nothing is converted.
          for await (const document of db.collection(name).find({}, { raw: true })) {
            counts[name] = (counts[name] as number) + 1;
            yield document as unknown as Buffer;
          }
        })(),
      ),
      createGzip(),
      createWriteStream(fileOf(folder, name), { mode: 0o600, flags: 'wx', flush: true }),
    );
  }
  return counts;
}

export async function collectionsOf(db: Db): Promise<string[]> {
  const found = await db.listCollections({ type: 'collection' }, { nameOnly: true }).toArray();
  return found
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('system.'))
    .sort();
}

/** Makes a collection of the documents of a file, and says how many they were. The application makes its indexes. */
export async function loadCollection(db: Db, folder: string, name: string): Promise<number> {
  let count = 0;
  let batch: object[] = [];
  await db.createCollection(name);
  const insert = async (): Promise<void> => {
    if (batch.length > 0) await db.collection(name).insertMany(batch);
    count += batch.length;
    batch = [];
  };
  for await (const document of documentsOf(fileOf(folder, name))) {
    // Types of numbers are kept, which JavaScript would not tell apart.
    batch.push(mongoose.mongo.BSON.deserialize(document, { promoteValues: false, promoteLongs: false }));
    if (batch.length === BATCH) await insert();
  }
  await insert();
  return count;
}

/** A document begins with its length (bsonspec.org). */
async function* documentsOf(file: string): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  const bytes = pipeline(createReadStream(file), createGunzip(), () => {}); // Whoever reads it is told of an error.
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= 4 && rest.length - at >= rest.readInt32LE(at)) {
      yield rest.subarray(at, at + rest.readInt32LE(at));
      at += rest.readInt32LE(at);
    }
    rest = rest.subarray(at);
  }
}
