/** About the client's own ways, in libpq's words. */
const OF_LIBPQ = `
  channel_binding keepalives keepalives_interval keepalives_count tcp_user_timeout
  fallback_application_name client_encoding sslcompression sslcertmode sslkeylogfile krbsrvname
  gsslib gssdelegation servicefile max_protocol_version min_protocol_version oauth_client_id
  oauth_client_secret oauth_scope`

/** For other programs that read the same address: Prisma, Supabase, Vercel, Rails, Doctrine, JDBC, node-postgres, postgres.js. */
const OF_OTHERS = `
  pgbouncer connection_limit pool_timeout max_connection_lifetime max_idle_connection_lifetime schema statement_cache_size socket_timeout supa
  workaround pool pool_size pool_max_conns encoding charset serverVersion uselibpqcompat max
  idle_timeout max_lifetime prepareThreshold directConnection single_use_connections
  sslidentity currentSchema ApplicationName statement_timeout timezone reconnect
  checkout_timeout variables min`

const IGNORED = new Set(`${OF_LIBPQ} ${OF_OTHERS}`.trim().split(/\s+/))

/** True for what may stand in an address and changes nothing here. */
export const ignoresParameter = (name: string): boolean => IGNORED.has(name)
