import type { Config } from '../config.ts'
import { providerRecord } from '../openfront/provider-record.ts'

/**
 * What the owner of each shop pastes, and what is missing so that the shop is served as a whole. Only a person can do
 * that: the key that we have of a shop may read its orders, and write nothing.
 */
export function describeStores({
  openfront,
  publicUrl,
  dodo,
  dodoTest,
}: Pick<Config, 'openfront' | 'publicUrl' | 'dodo' | 'dodoTest'>): string[] {
  if (!openfront) return []
  const modes = dodoTest ? ([dodo.environment, 'test'] as const) : [dodo.environment]
  return openfront.stores.flatMap(({ name, apiKeys: [apiKey = ''], ...store }) => [
    '',
    `Openfront store ${name}: create this payment provider in the shop, and connect its regions to it`,
    ...modes.flatMap((mode) => {
      const record = providerRecord({ publicUrl, apiKey, mode })
      // Codes are unique in a shop, and the one of the deployment's own mode is the usual one.
      const code = mode === dodo.environment ? record.code : `${record.code}_sandbox`
      return JSON.stringify({ ...record, code }, undefined, 2).split('\n')
    }),
    ...describeMissing({ name, ...store }),
  ])
}

type Store = NonNullable<Config['openfront']>['stores'][number]

function describeMissing({ name, returnUrl, url, token }: Omit<Store, 'apiKeys'>): string[] {
  const missing = [
    ...(returnUrl === undefined
      ? [`OPENFRONT_RETURN_URLS=${name}:https://…/checkout/{cartId}   where shoppers come back to`]
      : []),
    ...(url === undefined
      ? [`OPENFRONT_URLS=${name}:https://…/api/graphql   to complete paid carts that nobody does`]
      : []),
    ...(token === undefined
      ? [`OPENFRONT_TOKENS=${name}:of_…   an API key of the shop with read_orders, for the same`]
      : []),
  ]
  return missing.length === 0 ? [] : [`Not set for ${name}:`, ...missing.map((line) => `  ${line}`)]
}
