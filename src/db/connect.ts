import postgres from 'postgres'

import { readDatabaseUrl, type DatabaseAddress } from './database-url.ts'
import { createSession, STATEMENT_TIMEOUT_MS } from './session.ts'
import { readTls } from './tls.ts'

const CONNECT_TIMEOUT_SECONDS = 10
const KEEP_ALIVE_SECONDS = 30
/** What is not needed for so long is left to others. */
const IDLE_SECONDS = 60
const BACKOFF_MAX_SECONDS = 2
/** Longer than any statement may take: a server that is silent for so long is gone. */
const SILENCE_SECONDS = STATEMENT_TIMEOUT_MS / 1_000 + 5

/** By its SQLSTATE. */
export type Fault = Pick<postgres.PostgresError, 'code' | 'message'>

type Options = {
  max: number
  /** Seconds after which a connection is exchanged for a new one; null keeps it. */
  maxLifetime?: null
  fetchTypes?: boolean
  /** Waits for answers as long as it takes. */
  isPatient?: boolean
  onclose?: () => void
  /** Hears every error that the server reports, and why a new connection is of no use. */
  onfault?: (fault: Fault) => void
}

/** The one place where connections are made: each gets the same session, whatever the address brings along. */
export function connect(url: string, options: Options): postgres.Sql {
  const address = readDatabaseUrl(url)
  const { isPatient = false } = options
  const session = createSession(settingsOf(address), isPatient ? 0 : STATEMENT_TIMEOUT_MS)
  const accept: typeof session.accept = (results) => {
    const unfit = session.accept(results)
    if (unfit) options.onfault?.(unfit)
    return unfit
  }
  const ours = {
    session: { ...session, accept },
    silence_timeout: isPatient ? null : SILENCE_SECONDS,
  }
  return open({
    ...placeOf(address),
    max: options.max,
    ssl: readTls(address.tls),
    prepare: !address.isUnprepared,
    connect_timeout: address.connectTimeoutSeconds ?? CONNECT_TIMEOUT_SECONDS,
    keep_alive: address.keepAliveSeconds ?? KEEP_ALIVE_SECONDS,
    fetch_types: options.fetchTypes ?? true,
    ...(options.max > 1 && { idle_timeout: IDLE_SECONDS }),
    onnotice: () => undefined,
    backoff: (retries: number) => Math.min(0.1 * 2 ** retries, BACKOFF_MAX_SECONDS),
    ...(options.maxLifetime === null && { max_lifetime: null }),
    ...(options.onclose && { onclose: options.onclose }),
    ...(options.onfault && { onfault: options.onfault }),
    ...(address.tls.isDirect && { sslnegotiation: 'direct' }),
    // An empty value is left out of the start-up packet.
    connection: {
      application_name: '',
      ...(address.startupOptions && { options: address.startupOptions }),
    },
    ...ours,
  })
}

/** The driver takes more than its types say: several hosts, and what our patch adds to it. */
const open = (options: Record<string, unknown>) =>
  postgres(options as unknown as postgres.Options<Record<string, never>>) as postgres.Sql

function settingsOf({ settings, applicationName }: DatabaseAddress): Record<string, string> {
  return applicationName ? { ...settings, application_name: applicationName } : settings
}

function placeOf({ hosts, user, password, database }: DatabaseAddress) {
  const [first] = hosts
  const isSocket = first?.host.startsWith('/') === true
  return {
    host: hosts.map(({ host }) => host),
    port: hosts.map(({ port }) => port),
    ...(isSocket && { path: socketPath(first.host, first.port) }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    // Of several servers the one that takes writes.
    ...(hosts.length > 1 && { target_session_attrs: 'read-write' as const }),
  }
}

const socketPath = (host: string, port: number) =>
  /\.s\.PGSQL\.\d+$/.test(host) ? host : `${host}/.s.PGSQL.${port}`
