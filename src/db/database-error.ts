import { DrizzleQueryError } from 'drizzle-orm'

import { messageOf } from '../errors.ts'
import { describeAddress, InvalidDatabaseUrl, readDatabaseUrl } from './database-url.ts'
import { UnfitDatabase } from './session.ts'

/** The database cannot be used. The message names the variable, the address without its password, and the remedy. */
export class DatabaseError extends Error {
  override name = 'DatabaseError' as const
}

const ENCODE = 'percent-encode @ : / ? # % in the user and the password'

/** By SQLSTATE, or by the code of the network or the driver: what can be done about it. */
const REMEDIES: Record<string, string> = {
  '28P01': `the user or the password is wrong; ${ENCODE}`,
  '28000':
    'this user may not connect from here, or only with TLS: try sslmode=require, and look at pg_hba.conf',
  '3D000': 'make it with "create database"',
  '42501': 'a right is missing: run "bridge migrate" as the owner, or grant it to this role',
  '53300': 'too many connections: raise the limit, or set DATABASE_CONNECTIONS to less',
  '53100': 'the disk of the database is full',
  '25006': 'the database takes no writes: use the primary',
  '57P03': 'the server is starting up or shutting down: try again',
  '08P01': 'a pooler or proxy refuses the connection: use the direct address of the database',
  ENOTFOUND: `this host has no address; if the name is a piece of the password, ${ENCODE}`,
  EAI_AGAIN: 'the name of the host cannot be resolved at the moment',
  ECONNREFUSED: 'nothing listens there: is Postgres running, and are host and port right?',
  ENOENT: 'there is no socket in this folder: is Postgres running?',
  EACCES: 'this user may not open the socket',
  ETIMEDOUT: 'it cannot be reached: look at firewalls and allowed addresses',
  EHOSTUNREACH: 'it cannot be reached: look at firewalls and allowed addresses',
  CONNECT_TIMEOUT:
    'it does not answer: look at firewalls and allowed addresses, or at what is in front of it',
  CONNECTION_SILENT: 'it accepts connections and does not answer',
  CONNECTION_CLOSED:
    'the connection was closed at once: is this the port of a Postgres, and does it want TLS (sslmode=require)?',
  TLS_NOT_OFFERED: 'write sslmode=disable if that is how it should be',
  SELF_SIGNED_CERT_IN_CHAIN: 'name the authority in sslrootcert',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'name the authority in sslrootcert',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'name the authority in sslrootcert',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'name the authority in sslrootcert',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host name',
}

/** The same error in words for whoever set the address; without one, of the embedded Postgres. */
export function explainDatabaseError(error: unknown, url: string | undefined): DatabaseError {
  const cause = error instanceof DrizzleQueryError ? error.cause : error
  const where = url === undefined ? 'the embedded Postgres' : `DATABASE_URL (${placeOf(url)})`
  if (cause instanceof UnfitDatabase || cause instanceof InvalidDatabaseUrl) {
    return new DatabaseError(`${where}: ${cause.message}`, { cause })
  }
  const code =
    typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''
  const remedy = REMEDIES[code]
  return new DatabaseError(`${where}: ${messageOf(cause)}${remedy ? `: ${remedy}` : ''}`, { cause })
}

function placeOf(url: string): string {
  try {
    return describeAddress(readDatabaseUrl(url))
  } catch {
    return 'unreadable'
  }
}
