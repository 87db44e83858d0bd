// The application as a factory: configuration in, a Fastify instance out. It knows no adapter and never listens.

import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { type Config, loadConfig } from './config/config.ts';
import { createLogger } from './config/logger.ts';
import { adminController } from './controllers/admin.ts';
import { prepareApi } from './controllers/api.ts';
import { cardsController } from './controllers/cards.ts';
import { docsController } from './controllers/docs.ts';
import { feedsController } from './controllers/feeds.ts';
import { filmsApiController } from './controllers/films-api.ts';
import { healthController } from './controllers/health.ts';
import { heavyController } from './controllers/heavy.ts';
import { likesController } from './controllers/likes.ts';
import { pagesController } from './controllers/pages.ts';
import { quotesApiController } from './controllers/quotes-api.ts';
import { reactionsApiController } from './controllers/reactions-api.ts';
import { samplesController } from './controllers/samples.ts';
import { openDatabase } from './database/open.ts';
import { type Host, NO_HOST } from './host.ts';
import { tokenCheck } from './middleware/api-token.ts';
import type { OpenApi } from './middleware/openapi.ts';
import { limitPressure } from './middleware/pressure.ts';
import { sendProblem } from './middleware/problems.ts';
import { RequestLog } from './middleware/request-log.ts';
import { addRequestScope } from './middleware/request-scope.ts';
import { createAuditLog } from './modules/admin/audit-log.ts';
import { createAdminService } from './modules/admin/service.ts';
import { createCardService } from './modules/cards/service.ts';
import { createFilmService } from './modules/films/service.ts';
import { createFilmStore } from './modules/films/store.ts';
import { createHealthService } from './modules/health/service.ts';
import { createQuoteService } from './modules/quotes/service.ts';
import { createQuoteStore } from './modules/quotes/store.ts';
import { LiveReactions } from './modules/reactions/live.ts';
import { createReactionService } from './modules/reactions/service.ts';
import { createSitemapStore } from './modules/sitemap/store.ts';
import { addSite } from './pages/site.ts';

export interface AppOptions {
  /** Default: read from the environment and `.env`. */
  readonly config?: Config;
  /** Default: one on standard output at the configured level, JSON lines or, on a terminal, readable ones. */
  readonly logger?: FastifyBaseLogger;
  /** Who serves it. Default: nobody in particular. */
  readonly host?: Host;
}

/**
 * Makes the application. Its database is opened by `ready()` and closed by `close()`.
 * `ready()` rejects with a `StartError` that says what to do when the database cannot be used.
 */
export function createApp({ config = loadConfig(), logger, host = NO_HOST }: AppOptions = {}): FastifyInstance {
  const app: FastifyInstance = Fastify({
    loggerInstance: logger ?? (createLogger(config.log) as FastifyBaseLogger),
    logController: new RequestLog(config.log.requests),
    // Waiting for a database that is away, or that another process migrates, has limits of its own.
    pluginTimeout: 0,
    // A target that no route can be looked up for, such as /%zz, does not reach the error handler below.
    frameworkErrors: sendProblem,
    // With it Ajv reads 1e309 as Infinity, and leaves that out when it looks at a maximum.
    ajv: { customOptions: { strictNumbers: false } },
  });
  app.setErrorHandler(sendProblem);
  addRequestScope(app);

  app.register(async (app) => {
    const { database, migrated } = await openDatabase(config.database, app.log);
    app.addHook('onClose', () => database.close());
    const { place } = database;
    if (migrated.length > 0) app.log.info({ database: place, migrated }, `migrated the database ${place}`);

    await limitPressure(app, config.pressure, host);
    const quoteStore = createQuoteStore(database);
    const quotes = createQuoteService(database, quoteStore);
    const films = createFilmService(createFilmStore(database), quoteStore);
    const reactions = await createReactionService(database, config.mongodb, app.log);
    app.addHook('onClose', () => reactions.close());
    const live = new LiveReactions(reactions, { draining: host.draining, log: app.log });
    const cards = createCardService({ ...config.cards, log: app.log });
    app.addHook('onClose', () => cards.close());
    const health = createHealthService(database, () => app.isUnderPressure(), reactions);

    app.register(healthController, { health, host });
    app.register(samplesController, { host });
    if (config.heavyRoute) app.register(heavyController, { cards, host });
    const showsToken = tokenCheck(config.apiToken);
    let openApi: () => OpenApi;
    app.register(
      async (api) => {
        openApi = await prepareApi(api, { database, limits: config.limits, showsToken });
        api.register(quotesApiController, { prefix: '/v1/quotes', quotes, apiToken: config.apiToken, showsToken });
        api.register(filmsApiController, { prefix: '/v1/films', films });
        api.register(reactionsApiController, { prefix: '/v1', reactions, quotes, live });
      },
      { prefix: '/api' },
    );
    app.register(async (site) => {
      await addSite(site, config);
      site.register(docsController, { openApi });
      site.register(pagesController, {
        quotes,
        films,
        reactions,
        host,
        database: database.kind === 'sqlite' ? 'SQLite' : 'MariaDB',
      });
      site.register(cardsController, { quotes, cards });
      site.register(adminController, {
        prefix: '/admin',
        admins: createAdminService(database, app.log),
        quotes,
        audit: createAuditLog(database),
        sessionSecret: config.sessionSecret,
      });
      site.register(feedsController, { quotes, sitemap: createSitemapStore(database) });
      site.register(likesController, { reactions, database, limits: config.limits, publicUrl: config.publicUrl });
    });
  });

  return app;
}
