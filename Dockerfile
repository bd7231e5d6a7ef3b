# syntax=docker/dockerfile:1

# Tags move. To build from exactly what you have looked at, name the digests:
#   docker build --build-arg NODE_IMAGE=node@sha256:… --build-arg DEBIAN_IMAGE=debian@sha256:… .
ARG NODE_IMAGE=node:22-bookworm-slim
ARG DEBIAN_IMAGE=debian:bookworm-slim


FROM ${NODE_IMAGE} AS packages
# Bun from npm: npm checks it against the registry's hashes, and the same line works on every architecture.
RUN npm install --global bun@1.4.5 && bun --version && cp "$(realpath "$(command -v bun)")" /usr/local/bin/bun-binary
WORKDIR /app
COPY package.json bun.lock ./
COPY patches patches
RUN bun install --frozen-lockfile --production --omit=optional


# The server in one file: it starts sooner, and takes less memory.
FROM packages AS compiled
COPY tsconfig.json ./
COPY src src
RUN bun src/install/main.ts && ls build/*/run.js


FROM packages AS all-packages
RUN bun install --frozen-lockfile --production


# Everything but the packages. What only rehearses or demonstrates lies beside src, and .dockerignore lets none of it in.
FROM ${DEBIAN_IMAGE} AS program
ARG VERSION=0.2.0
ARG REVISION=unknown
ARG SOURCE=""
LABEL org.opencontainers.image.title="lago-dodo-bridge" \
  org.opencontainers.image.description="Collects Lago invoices through Dodo Payments and keeps both ledgers in agreement" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.source="${SOURCE}" \
  org.opencontainers.image.licenses="MIT"
# Postgres looks up who it runs as, and wants that somebody to have a home.
RUN useradd --uid 10001 --user-group --create-home --shell /usr/sbin/nologin bridge
COPY --from=packages /usr/local/bin/bun-binary /usr/local/bin/bun
WORKDIR /app
COPY package.json bun.lock bunfig.toml tsconfig.json LICENSE ./
COPY patches patches
COPY drizzle drizzle
COPY src src
COPY --from=compiled /app/build build
# For `bridge --version`, the pages and the metrics.
RUN printf '%s\n' "${REVISION}" > REVISION
# Also for `docker exec CONTAINER bridge …`, which is how a command joins an embedded Postgres. The server hears SIGTERM
# from its first moment on: as process 1 it would otherwise ignore it.
RUN printf '#!/bin/sh\n[ "$*" = serve ] && exec bun --no-env-file /app/src/main.ts\nexec bun --no-env-file /app/src/cli.ts "$@"\n' > /usr/local/bin/bridge && chmod 755 /usr/local/bin/bridge
# By number, so that a platform can see that it is not root.
USER 10001:10001
ENV NODE_ENV=production
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["bun", "--no-env-file", "/app/src/health-check.ts"]
ENTRYPOINT ["bridge"]
CMD ["serve"]


# docker build --target slim: without the embedded Postgres, for whoever sets DATABASE_URL.
FROM program AS slim
COPY --from=packages /app/node_modules node_modules


FROM program
COPY --from=all-packages /app/node_modules node_modules
USER root
# The link makes the default DATA_DIR=./data, which an env file may spell out, mean the volume as well.
RUN mkdir /data && chown 10001:10001 /data && ln -s /data /app/data && echo "The image holds $(du -shx / | cut -f1)."
USER 10001:10001
ENV DATA_DIR=/data
VOLUME /data
