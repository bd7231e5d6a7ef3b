/** The deployment's own Dodo account, by DODO_ENVIRONMENT. */
export const DEFAULT_ACCOUNT = 'default'

/**
 * The key of something in one Dodo account: an id of Dodo is that account's alone. Of the deployment's own account it
 * is the id itself; no id of Dodo has a slash.
 */
export const keyIn = (account: string, id: string) =>
  account === DEFAULT_ACCOUNT ? id : `${account}/${id}`

/** What `keyIn` made of it. */
export function readKey(key: string): { account: string; id: string } {
  const slash = key.indexOf('/')
  if (slash === -1) return { account: DEFAULT_ACCOUNT, id: key }
  return { account: key.slice(0, slash), id: key.slice(slash + 1) }
}
