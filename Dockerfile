# syntax=docker/dockerfile:1

FROM node:22-bookworm-slim AS build
# Bun from npm: npm checks it against the registry's hashes, and the same line works on every architecture.
RUN npm install --global bun@1.4.5 && bun --version && cp "$(realpath "$(command -v bun)")" /usr/local/bin/bun-binary
WORKDIR /app
COPY package.json bun.lock ./
COPY patches patches
RUN bun install --frozen-lockfile --production


FROM debian:bookworm-slim
# Postgres looks up who it runs as, and wants that somebody to have a home.
RUN useradd --uid 10001 --user-group --create-home --shell /usr/sbin/nologin bridge
COPY --from=build /usr/local/bin/bun-binary /usr/local/bin/bun
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY package.json bunfig.toml tsconfig.json LICENSE ./
COPY drizzle drizzle
COPY src src
# The link makes the default DATA_DIR=./data, which an env file may spell out, mean the volume as well.
RUN mkdir /data && chown bridge:bridge /data && ln -s /data /app/data
# Also for `docker exec CONTAINER bridge …`, which is how a command joins an embedded Postgres.
RUN printf '#!/bin/sh\nexec bun --no-env-file /app/src/cli.ts "$@"\n' > /usr/local/bin/bridge && chmod 755 /usr/local/bin/bridge

USER bridge
ENV NODE_ENV=production DATA_DIR=/data
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["bun", "--no-env-file", "/app/src/health-check.ts"]
ENTRYPOINT ["bridge"]
CMD ["serve"]
