import { findUnknown } from './unknown.ts'

type Environment = Record<string, string | undefined>

const DODO_HOSTS = { 'test.dodopayments.com': 'test', 'live.dodopayments.com': 'live' } as const

/** What must not be, taken together: keys and money in clear, a key of one mode in the other. */
export function findUnsafe(env: Environment): string[] {
  const problems: string[] = []
  const isLive = env['DODO_ENVIRONMENT'] === 'live'
  const dodoHost = hostOf(env['DODO_API_URL']) as keyof typeof DODO_HOSTS
  const mode = env['DODO_ENVIRONMENT'] ?? 'test'
  if ((DODO_HOSTS[dodoHost] ?? mode) !== mode) {
    problems.push(`DODO_API_URL: is not the address of DODO_ENVIRONMENT=${mode}: leave it out`)
  }
  if (!isLive) return problems
  if (!env['PUBLIC_URL']?.toLowerCase().startsWith('https://')) {
    problems.push('PUBLIC_URL: must be an https URL when DODO_ENVIRONMENT=live')
  }
  for (const name of ['LAGO_API_URL', 'DODO_API_URL']) {
    const url = URL.parse(env[name] ?? '')
    if (url?.protocol !== 'http:' || isPrivate(url.hostname)) continue
    problems.push(`${name}: must be an https URL when DODO_ENVIRONMENT=live, or a private address`)
  }
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    problems.push(
      'NODE_TLS_REJECT_UNAUTHORIZED: must not be 0 when DODO_ENVIRONMENT=live: it lets anybody pose as Lago or Dodo; for a certificate of your own set NODE_EXTRA_CA_CERTS',
    )
  }
  return problems
}

const hostOf = (url: string | undefined) => URL.parse(url ?? '')?.hostname ?? ''

const PRIVATE_NETWORKS = [
  /^127\./,
  /^10\./,
  /^192\.168\./,
  /^172\.(?:1[6-9]|2\d|3[01])\./,
  /^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./,
  /^169\.254\./,
]
const PRIVATE_NAMES = /(?:^|\.)(?:localhost|local|internal|lan|home\.arpa|svc)$/
const PRIVATE_IPV6 = /^\[(?:::1|f[cd][0-9a-f]{2}:.*|fe[89ab][0-9a-f]:.*)\]$/

/** Whether a host, as a URL writes it, is reached without leaving networks of one's own. */
export function isPrivate(host: string): boolean {
  const isAddress = /^\d+\.\d+\.\d+\.\d+$/.test(host)
  if (isAddress) return PRIVATE_NETWORKS.some((network) => network.test(host))
  if (host.startsWith('[')) return PRIVATE_IPV6.test(host)
  // A name without a dot is one of a container's or a company's own network.
  return !host.includes('.') || PRIVATE_NAMES.test(host)
}

/** Names that look like ours and are none, in one line. */
export function findStrangers(env: Environment, known: readonly string[]): string[] {
  const unknown = findUnknown(Object.keys(env), known)
  return unknown.length > 0 ? [`the bridge knows no ${unknown.join(', ')}`] : []
}

/** What is allowed, and is probably not what somebody meant: to be said at the start. */
export function findDoubts(env: Environment, known: readonly string[]): string[] {
  const doubts = findStrangers(env, known)
  const commented = known.filter((name) => /\s#/.test(env[name] ?? ''))
  if (commented.length > 0) {
    doubts.push(
      `${commented.join(', ')}: what stands behind # belongs to the value, as all after =`,
    )
  }
  if (!env['PUBLIC_URL']) {
    doubts.push('PUBLIC_URL is not set: pay links lead to localhost, where no customer arrives')
  }
  const hmacKeys = (env['LAGO_WEBHOOK_HMAC_KEY'] ?? '').split(',').map((key) => key.trim())
  if (hmacKeys.includes(env['LAGO_API_KEY'] ?? '-')) {
    doubts.push(
      'LAGO_WEBHOOK_HMAC_KEY is the API key, which is right below Lago 1.16 only: since then it is the HMAC signature token of the webhook page',
    )
  }
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    doubts.push('NODE_TLS_REJECT_UNAUTHORIZED=0: anybody can pose as Lago or Dodo')
  }
  const mode = env['DODO_ENVIRONMENT'] ?? 'test'
  const keyMode = /^dodo_(test|live)_/.exec(env['DODO_API_KEY'] ?? '')?.[1]
  if (keyMode && keyMode !== mode) {
    doubts.push(`DODO_API_KEY looks like one of ${keyMode} mode, and DODO_ENVIRONMENT is ${mode}`)
  }
  return doubts
}
