// The films as JSON.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { addEntityTags, notModified } from '../middleware/conditional.ts';
import { problemResponses } from '../middleware/problems.ts';
import { Film, FilmList, FilmListQuery, FilmParams } from '../modules/films/schemas.ts';
import type { FilmService } from '../modules/films/service.ts';

const TAGS = ['films'];
/** An answer that anybody may keep for a while. */
const KEPT = 'public, max-age=60';

export const filmsApiController: FastifyPluginAsyncTypebox<{ films: FilmService }> = async (app, { films }) => {
  addEntityTags(app);

  app.get(
    '',
    {
      schema: {
        operationId: 'listFilms',
        summary: 'Films, searched and sorted, a page at a time',
        tags: TAGS,
        querystring: FilmListQuery,
        response: { 200: FilmList, ...notModified, ...problemResponses },
      },
    },
    async (request, reply) => {
      const { films: found, next } = await films.list(request.query);
      reply.header('cache-control', KEPT);
      return { films: [...found], next };
    },
  );

  app.get(
    '/:id',
    {
      schema: {
        operationId: 'getFilm',
        summary: 'A film with its quotes',
        tags: TAGS,
        params: FilmParams,
        response: { 200: Film, ...notModified, ...problemResponses },
      },
    },
    async (request, reply) => {
      const film = await films.get(request.params.id);
      reply.header('cache-control', KEPT);
      return film;
    },
  );
};
