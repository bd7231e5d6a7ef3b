import { readFileSync } from 'node:fs'

import { InvalidDatabaseUrl } from './database-url.ts'
import type { Tls } from './database-url-parameters.ts'

const KEYS = {
  rootCertificate: 'sslrootcert',
  certificate: 'sslcert',
  key: 'sslkey',
  revoked: 'sslcrl',
} as const

/** What the driver is told about TLS, with the files that the address names. */
export function readTls(tls: Tls) {
  if (tls.mode === 'disable') return false
  const isPlain = !tls.certificate && !tls.minVersion && !tls.maxVersion && !tls.isNameless
  if (tls.mode === 'prefer' && isPlain) return 'prefer' as const
  // As in libpq, a root certificate is there to be checked against.
  const isChecked = tls.mode.startsWith('verify') || tls.rootCertificate !== undefined
  const isSystem = tls.rootCertificate === 'system'
  return {
    rejectUnauthorized: isChecked,
    ...(isChecked && tls.mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
    ...(tls.rootCertificate && !isSystem && { ca: read(tls, 'rootCertificate') }),
    ...(tls.certificate && { cert: read(tls, 'certificate') }),
    ...(tls.key && { key: read(tls, 'key') }),
    ...(tls.revoked && { crl: read(tls, 'revoked') }),
    ...(tls.keyPassword && { passphrase: tls.keyPassword }),
    ...(tls.minVersion && { minVersion: tls.minVersion }),
    ...(tls.maxVersion && { maxVersion: tls.maxVersion }),
    ...(tls.isNameless && { servername: '' }),
  }
}

function read(tls: Tls, name: keyof typeof KEYS): string {
  const path = tls[name] ?? ''
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable'
    throw new InvalidDatabaseUrl(`${KEYS[name]}: ${path} cannot be read (${reason})`, { cause })
  }
}
