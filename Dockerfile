# Movie Quotes: a release as deploy/release makes it, on Debian's slim image of Node. docs/compose.md and docs/containers.md
# tell how it is run.

FROM node:26-bookworm-slim AS build
WORKDIR /build
COPY . .
# The packages stay in the build's cache; the lock file says which ones.
RUN --mount=type=cache,target=/cache npm_config_cache=/cache/npm pnpm_config_store_dir=/cache/pnpm \
    deploy/release --folder /opt/movie-quotes/current
# A third of it is for those who write programs with these packages, or for browsers.
RUN cd /opt/movie-quotes/current/node_modules/.pnpm && rm -r typeorm@*/node_modules/typeorm/browser \
    && find . -type f \( -name '*.d.ts' -o -name '*.d.[cm]ts' -o -name '*.map' \) -not -path './*tsgi*' -delete

FROM node:26-bookworm-slim
COPY --from=build /opt/movie-quotes /opt/movie-quotes
# Volumes that are mounted here begin as these folders are. Nginx, who is somebody else, has its logs in the same one.
RUN install --directory --owner=node --group=node \
    /opt/movie-quotes/assets /opt/movie-quotes/compiled /var/lib/movie-quotes \
    && install --directory --mode=1777 /var/log/movie-quotes
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/opt/movie-quotes/compiled \
    PATH=/opt/movie-quotes/current/node_modules/.bin:$PATH \
    TSGI_APP=/opt/movie-quotes/current/gateway.ts:createApplication() \
    TSGI_CONFIG=/opt/movie-quotes/current/tsgi.config.ts \
    TSGI_BIND=:5000 \
    TSGI_MONITOR_BIND=:9000 \
    TSGI_WORKERS=2
USER node
WORKDIR /var/lib/movie-quotes
# What Node has compiled, for starts on a file system that cannot be written to: a worker with each of the databases, and
# the command. Nobody is at these addresses.
RUN cd /tmp && export MONGODB_URL=mongodb://127.0.0.1:1/none DATABASE_WAIT=0 TSGI_LOG_LEVEL=error LOG_LEVEL=silent \
    && tsgi request GET /readyz >/dev/null && quotes migrate status >/dev/null \
    && { DATABASE_URL=mariadb://nobody@127.0.0.1:1/none quotes migrate status 2>/dev/null || true; } \
    && rm -rf /tmp/*
EXPOSE 5000 9000
STOPSIGNAL SIGTERM
# The server's own word, which waits behind no traffic.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:9000/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["tsgi", "serve"]
