import { ignoresParameter } from './database-url-ignored.ts'
import { applyParameter, type Parameters } from './database-url-parameters.ts'

/** The address cannot be read or asks for what the bridge cannot do. The message never holds the password. */
export class InvalidDatabaseUrl extends Error {
  override name = 'InvalidDatabaseUrl' as const
}

/** Where the database is and how to reach it: what an address says, with the meaning that libpq gives it. */
export type DatabaseAddress = Parameters & { hosts: { host: string; port: number }[] }

type Parts = { userinfo: string | undefined; hostspec: string; path: string; query: string }

const SCHEME = /^postgres(?:ql)?:\/\//
const HOST = /^(?:\[[0-9A-Fa-f:.]+(?:%[\w.]+)?\]|(?:[\w.-]|%[0-9A-Fa-f]{2})*)(?::\d{0,5})?$/
const DEFAULT_PORT = 5432
const EXAMPLE = 'write a URL like postgres://user:password@host:5432/database'
const ENCODE =
  'in the user and the password percent-encode the characters @ : / ? # [ ] and % ' +
  '(%40 %3A %2F %3F %23 %5B %5D %25)'

/**
 * Reads an address as libpq and the providers write it. A password may hold characters that should be
 * percent-encoded, as long as there is only one way to read the whole.
 */
export function readDatabaseUrl(text: string): DatabaseAddress {
  const url = text.trim()
  const scheme = SCHEME.exec(url)
  if (!scheme) throw new InvalidDatabaseUrl(EXAMPLE)
  const parts = split(url.slice(scheme[0].length))
  const parameters: Parameters = { settings: {}, tls: { mode: 'prefer' } }
  const [user, password] = cutOnce(parts.userinfo ?? '', ':')
  if (user) parameters.user = decode(user)
  if (password) parameters.password = decode(password)
  if (parts.path) parameters.database = decode(parts.path)
  const problems: string[] = []
  for (const [name, value] of pairsOf(parts.query)) {
    const problem = applyParameter(parameters, name, value)
    if (problem !== undefined) problems.push(`${name}: ${problem}`)
  }
  if (problems.length > 0) throw new InvalidDatabaseUrl(problems.join('; '))
  return { ...parameters, hosts: hostsOf(parts.hostspec, parameters) }
}

/** For a check of the configuration: says what is wrong with the address before anything is opened. */
export function refuseBadDatabaseUrl(
  text: string,
  context: { addIssue(issue: { code: 'custom'; message: string }): void },
): void {
  try {
    readDatabaseUrl(text)
  } catch (error) {
    if (!(error instanceof InvalidDatabaseUrl)) throw error
    context.addIssue({ code: 'custom', message: error.message })
  }
}

/** The address for people: who, where and which database, and nothing secret. */
export function describeAddress({ user, hosts, database }: DatabaseAddress): string {
  const where = hosts.map(({ host, port }) => (host.startsWith('/') ? host : `${host}:${port}`))
  return `${user ? `${user}@` : ''}${where.join(',')}/${database ?? user ?? ''}`
}

/** As the standard reads it if that makes sense, else with whatever stands before an @ as the password. */
function split(rest: string): Parts {
  const standard = readStandard(rest)
  if (standard) return standard
  const readings = [...rest.matchAll(/@/g)].flatMap(({ index }) => {
    const [user, password] = cutOnce(rest.slice(0, index), ':')
    if (!user || password === undefined || /[/?#@]/.test(user)) return []
    const others = readRest(rest.slice(index + 1))
    return others ? [{ ...others, userinfo: rest.slice(0, index) }] : []
  })
  const [reading, another] = readings
  if (reading && !another) return reading
  const foreign = findForeignParameter(rest)
  if (foreign) throw new InvalidDatabaseUrl(`${foreign}: is not a parameter that the bridge knows`)
  throw new InvalidDatabaseUrl(`cannot be read: ${EXAMPLE}; ${ENCODE}`)
}

function readStandard(rest: string): Parts | undefined {
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? ''
  const at = authority.lastIndexOf('@')
  const others = readRest(rest.slice(at + 1))
  return others && { ...others, userinfo: at === -1 ? undefined : authority.slice(0, at) }
}

function readRest(rest: string): Omit<Parts, 'userinfo'> | undefined {
  const match = /^([^/?#@]*)(?:\/([^/?#@]*))?(?:\?(.*))?$/.exec(rest)
  if (!match) return undefined
  const [, hostspec = '', path = '', query = ''] = match
  const isReadable =
    hostspec.split(',').every((host) => HOST.test(host)) &&
    pairsOf(query).every(([name]) => name !== '' && !isForeign(name))
  return isReadable ? { hostspec, path, query } : undefined
}

/** Named only where it cannot be a piece of a password: nothing before it, or a user already told apart. */
function findForeignParameter(rest: string): string | undefined {
  const question = rest.indexOf('?')
  if (question === -1 || rest.lastIndexOf('@') > question) return undefined
  const names = pairsOf(rest.slice(question + 1)).map(([name]) => name)
  return names.find((name) => isForeign(name) && /^[\w.-]{1,60}$/.test(name))
}

const isForeign = (name: string) =>
  !ignoresParameter(name) &&
  applyParameter({ settings: {}, tls: { mode: 'prefer' } }, name, '') === null

function pairsOf(query: string): [string, string][] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name, value = ''] = cutOnce(pair, '=')
      return [decode(name), decode(value)]
    })
}

function hostsOf(hostspec: string, { host, hostaddr, port, isShuffled }: Parameters) {
  const inUrl = hostspec === '' ? [] : hostspec.split(',').map(readHost)
  const named = (hostaddr ?? host)?.split(',') ?? inUrl.map((one) => one.host)
  const ports = port?.split(',') ?? inUrl.map((one) => one.port)
  const hosts = (named.length > 0 ? named : ['']).map((name, index) => ({
    host: withoutBrackets(name) || 'localhost',
    port: Number((ports.length > 1 ? ports[index] : ports[0]) || DEFAULT_PORT),
  }))
  if (hosts.some((one) => !Number.isInteger(one.port) || one.port < 1 || one.port > 65_535)) {
    throw new InvalidDatabaseUrl('the port is not a number between 1 and 65535')
  }
  if (hosts.length > 1 && hosts.some((one) => one.host.startsWith('/'))) {
    throw new InvalidDatabaseUrl('several hosts cannot be told apart where one is a socket folder')
  }
  return isShuffled ? hosts.toSorted(() => Math.random() - 0.5) : hosts
}

function readHost(text: string): { host: string; port: string } {
  const [, host = '', port = ''] = /^(\[.*\]|[^:]*)(?::(\d*))?$/.exec(text) ?? []
  return { host: decode(host), port }
}

const withoutBrackets = (host: string) => host.replace(/^\[(.*)\]$/, '$1')

/** A percent sign that encodes nothing stands for itself. */
function decode(text: string): string {
  return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (encoded) => {
    try {
      return decodeURIComponent(encoded)
    } catch {
      return encoded
    }
  })
}

function cutOnce(text: string, separator: string): [string, string | undefined] {
  const index = text.indexOf(separator)
  return index === -1 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)]
}
