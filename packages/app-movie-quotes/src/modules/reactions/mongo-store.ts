// Reactions in MongoDB. It may be a standalone server: each reaction changes one document by one atomic update, and there is
// no transaction and no change stream.
//
// A document has a mark for each origin: the number of the last reaction that it took from there. An update finds the
// document only where the mark is smaller, so what is delivered again, by the same process or an older one, changes nothing.
// A like that was taken back therefore stays for a day, to refuse what would give it again.

import type { FastifyBaseLogger } from 'fastify';
import { type Connection, type Model, Schema } from 'mongoose';
import type { MongodbConfig } from '../../config/config.ts';
import { MongodbConnection } from './mongo-connection.ts';
import {
  DAY,
  dayOf,
  LIKE_WEIGHT,
  NOTHING,
  type Numbered,
  type ReactionStore,
  type StoredCounts,
  type Trend,
} from './store.ts';

interface LikeDocument {
  /** The key. */
  readonly _id: string;
  readonly quoteId: number;
  readonly liked: boolean;
  readonly at: number;
  /** When it was taken back; MongoDB deletes the document a day later. */
  readonly goneAt?: Date;
  readonly marks: ReadonlyMap<string, number>;
}

interface ViewsDocument {
  /** `DAY:QUOTE`. */
  readonly _id: string;
  readonly quoteId: number;
  readonly day: number;
  readonly count: number;
  readonly marks: ReadonlyMap<string, number>;
}

const OPTIONS = { versionKey: false, autoIndex: false, autoCreate: false, bufferCommands: false } as const;
const MARKS = { type: Map, of: Number, required: true } as const;

const LikeSchema = new Schema<LikeDocument>(
  {
    _id: { type: String, required: true },
    quoteId: { type: Number, required: true },
    liked: { type: Boolean, required: true },
    at: { type: Number, required: true },
    goneAt: { type: Date },
    marks: MARKS,
  },
  { ...OPTIONS, collection: 'likes' },
)
  .index({ quoteId: 1 })
  .index({ at: 1, quoteId: 1 })
  .index({ goneAt: 1 }, { expireAfterSeconds: DAY / 1000 });

const ViewsSchema = new Schema<ViewsDocument>(
  {
    _id: { type: String, required: true },
    quoteId: { type: Number, required: true },
    day: { type: Number, required: true },
    count: { type: Number, required: true },
    marks: MARKS,
  },
  { ...OPTIONS, collection: 'views' },
)
  .index({ quoteId: 1 })
  .index({ day: 1, quoteId: 1 });

/** The longest that a request waits for MongoDB, in milliseconds. Its page goes on without it then. */
const REQUEST = 500;
/** The longest that a delivery does; the configuration may say less. */
const DELIVERY = 30_000;

/** MongoDB's E11000. */
const DUPLICATE_KEY = 11000;

function modelsOn(connection: Connection) {
  return {
    likes: connection.model<LikeDocument>('Like', LikeSchema),
    views: connection.model<ViewsDocument>('Views', ViewsSchema),
  };
}

/**
 * Begins to connect, and does not wait for it. `origin` is the SQL database whose reactions are delivered; `onAnswer` is
 * called each time that MongoDB answers again. Throws `MQ_ERR_CONFIG` where the URL cannot be one.
 */
export function connectMongoStore(
  config: MongodbConfig,
  origin: string,
  log: FastifyBaseLogger,
  onAnswer: () => void = () => {},
): ReactionStore {
  const mark = `marks.${origin}`;
  const mongodb = new MongodbConnection(config, log, {
    modelsOn,
    async prepare({ likes, views }) {
      await likes.createIndexes();
      await views.createIndexes();
    },
    onAnswer,
  });

  return {
    get available() {
      return mongodb.available;
    },
    apply(reactions) {
      return mongodb.run(DELIVERY, async (models) => {
        const { likes, views } = updatesOf(reactions, mark);
        await applyOnce(models.likes, likes, mark);
        await applyOnce(models.views, views, mark);
      });
    },
    counts(quoteIds) {
      return mongodb.run(REQUEST, async (models) => {
        const of = { $match: { quoteId: { $in: quoteIds } } };
        const last = { $max: `$${mark}` };
        const [likes, views] = await Promise.all([
          models.likes.aggregate<{ _id: number; likes: number; last: number | null }>([
            of,
            { $group: { _id: '$quoteId', likes: { $sum: { $cond: ['$liked', 1, 0] } }, last } },
          ]),
          models.views.aggregate<{ _id: number; views: number; last: number | null }>([
            of,
            { $group: { _id: '$quoteId', views: { $sum: '$count' }, last } },
          ]),
        ]);
        const counts = new Map<number, StoredCounts>(quoteIds.map((id) => [id, NOTHING]));
        for (const { _id, likes: count, last } of likes) {
          counts.set(_id, { ...(counts.get(_id) ?? NOTHING), likes: count, lastLike: last ?? 0 });
        }
        for (const { _id, views: count, last } of views) {
          counts.set(_id, { ...(counts.get(_id) ?? NOTHING), views: count, lastViews: last ?? 0 });
        }
        return counts;
      });
    },
    liked(keys) {
      return mongodb.run(REQUEST, async (models) => {
        const found = await models.likes.find({ _id: { $in: keys }, liked: true }, { _id: 1 }).lean();
        return new Set(found.map(({ _id }) => _id));
      });
    },
    trending(day, limit) {
      return mongodb.run(REQUEST, (models) =>
        models.likes.aggregate<Trend>([
          { $match: { at: { $gte: day * DAY }, liked: true } },
          { $group: { _id: '$quoteId', likes: { $sum: 1 } } },
          {
            $unionWith: {
              coll: 'views',
              pipeline: [
                { $match: { day: { $gte: day } } },
                { $group: { _id: '$quoteId', views: { $sum: '$count' } } },
              ],
            },
          },
          { $group: { _id: '$_id', likes: { $sum: '$likes' }, views: { $sum: '$views' } } },
          { $set: { score: { $add: [{ $multiply: ['$likes', LIKE_WEIGHT] }, '$views'] } } },
          { $sort: { score: -1, _id: 1 } },
          { $limit: limit },
          { $project: { _id: 0, quoteId: '$_id', likes: 1, views: 1, score: 1 } },
        ]),
      );
    },
    close: () => mongodb.close(),
  };
}

/** An update of one document, and its number. */
interface Update {
  readonly id: string;
  readonly number: number;
  readonly update: object;
}

function updatesOf(reactions: readonly Numbered[], mark: string): { likes: Update[]; views: Update[] } {
  const likes: Update[] = [];
  const views: Update[] = [];
  for (const reaction of reactions) {
    const { quoteId, number, at } = reaction;
    if (reaction.kind === 'views') {
      const day = dayOf(at);
      const update = { $inc: { count: reaction.count }, $set: { quoteId, day, [mark]: number } };
      views.push({ id: `${day}:${quoteId}`, number, update });
    } else {
      const liked = reaction.kind === 'like';
      const set = { quoteId, liked, at, [mark]: number };
      const update = liked ? { $set: set, $unset: { goneAt: 1 } } : { $set: { ...set, goneAt: new Date() } };
      likes.push({ id: reaction.key, number, update });
    }
  }
  return { likes, views };
}

/** Applies updates in their order, each unless its document has the mark of it or of a later one. */
async function applyOnce<Document>(model: Model<Document>, updates: readonly Update[], mark: string): Promise<void> {
  for (let rest = updates; rest.length > 0; ) {
    rest = await withoutApplied(model, rest, mark);
    const writes = rest.map(({ id, number, update }) => ({
      // `not >=` is also true where there is no mark yet, as in a document of another origin.
      updateOne: { filter: { _id: id, [mark]: { $not: { $gte: number } } }, update, upsert: true },
    }));
    try {
      if (writes.length > 0) await model.bulkWrite(writes as never, { ordered: true });
      return;
    } catch (error) {
      const [failed] = (error as { writeErrors?: { code: number; index: number }[] }).writeErrors ?? [];
      // The filter found no document and the insert found one: another process made or changed it this moment.
      if (failed?.code !== DUPLICATE_KEY) throw error;
      rest = rest.slice(failed.index);
    }
  }
}

/**
 * Those that are not applied yet, as far as a look tells. It is not what guards them; without it, each one that is delivered
 * again would end its bulk write with a duplicate key.
 */
async function withoutApplied<Document>(
  model: Model<Document>,
  updates: readonly Update[],
  mark: string,
): Promise<readonly Update[]> {
  const ids = [...new Set(updates.map(({ id }) => id))];
  const marks = await model.aggregate<{ _id: string; mark?: number }>([
    { $match: { _id: { $in: ids } } },
    { $project: { mark: `$${mark}` } },
  ]);
  const applied = new Map(marks.map(({ _id, mark = 0 }) => [_id, mark]));
  return updates.filter(({ id, number }) => number > (applied.get(id) ?? 0));
}
