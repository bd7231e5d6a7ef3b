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

/** With live money keys and amounts do not travel in clear, but within networks of one's own. */
export function findBadUrls(
  env: Record<string, string | undefined>,
  name: string,
  urls: readonly (string | undefined)[] = [env[name]],
): string[] {
  if (env['DODO_ENVIRONMENT'] !== 'live') return []
  const isBad = urls.some((text) => {
    const url = URL.parse(text ?? '')
    return url?.protocol === 'http:' && !isPrivate(url.hostname)
  })
  const problem = `${name}: must be an https URL when DODO_ENVIRONMENT=live, or a private address`
  return isBad ? [problem] : []
}
