import { ignoresParameter } from './database-url-ignored.ts'

/** How far the server's certificate is checked; `prefer` takes TLS where it is offered. */
type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

export type Tls = {
  mode: TlsMode
  rootCertificate?: string
  certificate?: string
  key?: string
  keyPassword?: string
  revoked?: string
  minVersion?: string
  maxVersion?: string
  isDirect?: boolean
  isNameless?: boolean
}

/** What the parameters of an address can say. */
export type Parameters = {
  user?: string
  password?: string
  database?: string
  host?: string
  hostaddr?: string
  port?: string
  isShuffled?: boolean
  connectTimeoutSeconds?: number
  keepAliveSeconds?: number
  applicationName?: string
  /** Settings of the session, from `options=-c name=value`. */
  settings: Record<string, string>
  /** What else `options` holds: a pooler or a proxy reads it when a connection is made. */
  startupOptions?: string
  isUnprepared?: boolean
  tls: Tls
}

/** Says what is wrong with the value, if anything is. */
type Apply = (parameters: Parameters, value: string) => string | undefined

const FALSE = /^(0|off|no|false|disable|disabled)$/i
const TLS_MODES: Record<string, TlsMode> = {
  disable: 'disable',
  false: 'disable',
  allow: 'prefer',
  prefer: 'prefer',
  require: 'require',
  true: 'require',
  'no-verify': 'require',
  'verify-ca': 'verify-ca',
  'verify-full': 'verify-full',
}
const TLS_VERSION = /^TLSv1(\.[123])?$/

const put =
  (
    name: 'user' | 'password' | 'database' | 'host' | 'hostaddr' | 'port' | 'applicationName',
  ): Apply =>
  (parameters, value) => {
    if (value !== '') parameters[name] = value
    return undefined
  }

const putTls =
  (name: 'rootCertificate' | 'certificate' | 'key' | 'keyPassword' | 'revoked'): Apply =>
  ({ tls }, value) => {
    if (value !== '') tls[name] = value
    return undefined
  }

const putTlsVersion =
  (name: 'minVersion' | 'maxVersion'): Apply =>
  ({ tls }, value) => {
    if (value === '') return undefined
    if (!TLS_VERSION.test(value)) return 'write TLSv1.2 or TLSv1.3'
    tls[name] = value
    return undefined
  }

const change =
  (apply: (parameters: Parameters, value: string) => void): Apply =>
  (parameters, value) => {
    apply(parameters, value)
    return undefined
  }

const setTlsMode: Apply = ({ tls }, value) => {
  const mode = TLS_MODES[value]
  if (!mode) return 'write disable, allow, prefer, require, verify-ca, verify-full or no-verify'
  tls.mode = mode
  return undefined
}

const seconds =
  (name: 'connectTimeoutSeconds' | 'keepAliveSeconds'): Apply =>
  (parameters, value) => {
    if (!/^\d+$/.test(value)) return 'write a number of seconds'
    if (Number(value) > 0) parameters[name] = Number(value)
    return undefined
  }

const setTarget: Apply = (_parameters, value) =>
  ['read-only', 'standby'].includes(value)
    ? 'the bridge writes: leave it out, or write read-write or primary'
    : ['any', 'read-write', 'primary', 'prefer-standby', ''].includes(value)
      ? undefined
      : 'write read-write or primary'

/** `-c name=value` and `--name=value` become settings; anything else is somebody's between us and Postgres. */
const setOptions: Apply = (parameters, value) => {
  const words =
    value.match(/(?:\\.|[^\s\\])+/g)?.map((word) => word.replaceAll(/\\(.)/g, '$1')) ?? []
  const rest: string[] = []
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? ''
    const text = word === '-c' ? (words[(index += 1)] ?? '') : word.replace(/^(-c|--)/, '')
    const [, name, setting] = /^([\w.-]+)=(.*)$/s.exec(text) ?? []
    if (name !== undefined && setting !== undefined && word.startsWith('-')) {
      parameters.settings[name.replaceAll('-', '_')] = setting
    } else rest.push(word)
  }
  if (rest.some((word) => word.startsWith('-'))) return 'write -c name=value'
  if (rest.length > 0) parameters.startupOptions = rest.join(' ')
  return undefined
}

const refuse =
  (why: string, isFine: RegExp): Apply =>
  (_parameters, value) =>
    isFine.test(value) ? undefined : why

const OBEYED: Record<string, Apply> = {
  user: put('user'),
  password: put('password'),
  dbname: put('database'),
  host: put('host'),
  hostaddr: put('hostaddr'),
  port: put('port'),
  application_name: put('applicationName'),
  connect_timeout: seconds('connectTimeoutSeconds'),
  keepalives_idle: seconds('keepAliveSeconds'),
  options: setOptions,
  target_session_attrs: setTarget,
  load_balance_hosts: change((parameters, value) => {
    parameters.isShuffled = value === 'random'
  }),
  sslmode: setTlsMode,
  ssl: setTlsMode,
  sslrootcert: change(({ tls }, value) => {
    if (value === 'system') tls.mode = 'verify-full'
    if (value !== '') tls.rootCertificate = value
  }),
  sslcert: putTls('certificate'),
  sslkey: putTls('key'),
  sslpassword: putTls('keyPassword'),
  sslcrl: putTls('revoked'),
  ssl_min_protocol_version: putTlsVersion('minVersion'),
  ssl_max_protocol_version: putTlsVersion('maxVersion'),
  sslnegotiation: change(({ tls }, value) => {
    tls.isDirect = value === 'direct'
  }),
  sslsni: change(({ tls }, value) => {
    tls.isNameless = FALSE.test(value)
  }),
  /** Prisma's words for the same. */
  sslaccept: change(({ tls }, value) => {
    tls.mode = value === 'strict' ? 'verify-full' : 'require'
  }),
  prepare: change((parameters, value) => {
    parameters.isUnprepared = FALSE.test(value)
  }),
  prepared_statements: change((parameters, value) => {
    parameters.isUnprepared = FALSE.test(value)
  }),
  gssencmode: refuse('GSSAPI encryption is not supported', /^(disable|prefer|)$/),
  service: refuse('service files are not read: write the address itself', /^$/),
  passfile: refuse('password files are not read: write the password into the address', /^$/),
  replication: refuse('the bridge does not replicate', /^(0|off|no|false|)$/i),
  sslcrldir: refuse('is not supported: use sslcrl', /^$/),
  requirepeer: refuse('is not supported', /^$/),
  require_auth: refuse('is not supported', /^$/),
  oauth_issuer: refuse('OAuth is not supported', /^$/),
  scram_client_key: refuse('is not supported: write the password', /^$/),
  scram_server_key: refuse('is not supported: write the password', /^$/),
}

/** Obeys one parameter. A text says what is wrong with its value; null, that nobody knows its name. */
export function applyParameter(
  parameters: Parameters,
  name: string,
  value: string,
): string | null | undefined {
  if (ignoresParameter(name)) return undefined
  const apply = Object.hasOwn(OBEYED, name) ? OBEYED[name] : undefined
  return apply ? (apply(parameters, value) ?? undefined) : null
}
