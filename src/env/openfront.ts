import { z } from 'zod'

import { findBadUrls } from './private-address.ts'
import { duration, list } from './values.ts'

type Environment = Record<string, string | undefined>

const STORE = /^[a-z0-9_-]{1,32}$/
const MIN_SECRET_LENGTH = 16

/** Parts of the form `store:value`, split at the first colon. */
const perStore = (isValue: (value: string) => boolean, help: string) =>
  list.transform((parts, context) => {
    const pairs = parts.map((part) => {
      const [store = '', ...rest] = part.split(':')
      return { store, value: rest.join(':') }
    })
    const isFilled = pairs.length > 0
    if (isFilled && pairs.every(({ store, value }) => STORE.test(store) && isValue(value)))
      return pairs
    // Neither part is repeated: the second one may be a secret.
    context.addIssue({ code: 'custom', message: help })
    return z.NEVER
  })

const STORE_HELP = 'a store is written with a-z, 0-9, _ and -, at most 32 of them'

const isUrl = (text: string) => /^https?:$/.test(URL.parse(text)?.protocol ?? '')

/** What turns Openfront on, and how its shops are served. */
export const OPENFRONT_VARIABLES = {
  /** Which secret is whose; a store may have several. */
  OPENFRONT_API_KEYS: perStore(
    (secret) => secret.length >= MIN_SECRET_LENGTH && /^[\x21-\x7e]+$/.test(secret),
    `write store:secret, each secret with ${MIN_SECRET_LENGTH} or more characters and no blank; ${STORE_HELP}`,
  ).optional(),
  /** Where the shopper goes after paying; `{cartId}` is replaced. */
  OPENFRONT_RETURN_URLS: perStore(
    (url) => isUrl(url.replaceAll('{cartId}', 'cart')),
    `write store:url, like shop:https://shop.example/checkout/{cartId}; ${STORE_HELP}`,
  ).optional(),
  /** The shop's GraphQL. */
  OPENFRONT_URLS: perStore(
    isUrl,
    `write store:url, like shop:https://shop.example/api/graphql; ${STORE_HELP}`,
  ).optional(),
  /** An API key of the shop with read_orders. */
  OPENFRONT_TOKENS: perStore(
    (token) => /^of_[\x21-\x7e]+$/.test(token),
    `write store:token, each token as the shop shows it, of_…; ${STORE_HELP}`,
  ).optional(),
  /** How long the shopper's browser has to complete a paid cart. */
  OPENFRONT_COMPLETE_AFTER: z.string().default('2m').pipe(duration(0)),
  OPENFRONT_REFUNDS: z.enum(['on', 'off'], 'write on or off').default('on'),
}

export const OPENFRONT_SECRET_NAMES = ['OPENFRONT_API_KEYS', 'OPENFRONT_TOKENS'] as const

const LISTS_OF_STORES = ['OPENFRONT_RETURN_URLS', 'OPENFRONT_URLS', 'OPENFRONT_TOKENS'] as const

export const isOpenfrontOn = (env: Environment) => env['OPENFRONT_API_KEYS'] !== undefined

const partsOf = (env: Environment, name: string) => list.parse(env[name] ?? '')
const storeOf = (part: string) => part.split(':', 1)[0] ?? ''
const valueOf = (part: string) => part.slice(storeOf(part).length + 1)

/** What the lists say against each other. */
export function findOpenfrontContradictions(env: Environment): string[] {
  const known = new Set(partsOf(env, 'OPENFRONT_API_KEYS').map(storeOf))
  return LISTS_OF_STORES.flatMap((name) => {
    const stores = partsOf(env, name).map(storeOf)
    const strangers = stores.filter((store) => STORE.test(store) && !known.has(store))
    const doubled = stores.filter((store, index) => stores.indexOf(store) !== index)
    const urls = partsOf(env, name).map((part) => valueOf(part).replaceAll('{cartId}', 'cart'))
    return [
      ...new Set(strangers.map((store) => `${name}: OPENFRONT_API_KEYS has no store ${store}`)),
      ...new Set(doubled.map((store) => `${name}: names the store ${store} twice`)),
      ...(name === 'OPENFRONT_TOKENS' ? [] : findBadUrls(env, name, urls)),
    ]
  })
}

/** A secret that opens two stores cannot tell which of them calls. */
export function findOpenfrontDoubts(env: Environment): string[] {
  const owners = new Map<string, Set<string>>()
  for (const part of partsOf(env, 'OPENFRONT_API_KEYS')) {
    const stores = owners.get(valueOf(part)) ?? new Set()
    owners.set(valueOf(part), stores.add(storeOf(part)))
  }
  return [...owners.values()]
    .filter(({ size }) => size > 1)
    .map(
      (stores) =>
        `OPENFRONT_API_KEYS: ${[...stores].join(' and ')} have the same secret, which tells nobody which of them calls`,
    )
}

type Values = z.infer<z.ZodObject<typeof OPENFRONT_VARIABLES>>

const valueFor = (pairs: { store: string; value: string }[] | undefined, store: string) =>
  pairs?.find((pair) => pair.store === store)?.value

/** What the bridge knows of its shops; undefined while Openfront is off. */
export function toOpenfrontConfig(env: Values) {
  if (!env.OPENFRONT_API_KEYS) return undefined
  const names = [...new Set(env.OPENFRONT_API_KEYS.map(({ store }) => store))]
  return {
    stores: names.map((name) => ({
      name,
      apiKeys: (env.OPENFRONT_API_KEYS ?? [])
        .filter(({ store }) => store === name)
        .map(({ value }) => value),
      /** With `{cartId}` still in it. */
      returnUrl: valueFor(env.OPENFRONT_RETURN_URLS, name),
      url: valueFor(env.OPENFRONT_URLS, name),
      token: valueFor(env.OPENFRONT_TOKENS, name),
    })),
    completeAfterMs: env.OPENFRONT_COMPLETE_AFTER,
    takesRefunds: env.OPENFRONT_REFUNDS === 'on',
  }
}
