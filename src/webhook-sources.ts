/** Who sends webhooks. */
export const SOURCES = ['lago', 'dodo', 'highlevel'] as const
export type Source = (typeof SOURCES)[number]

const ADDRESS = new RegExp(`/webhooks/(${SOURCES.join('|')})(?:/|$)`)
/** Whose webhooks come to an address, also that of another account than the deployment's. */
export const sourceAt = (path: string): Source | undefined =>
  ADDRESS.exec(path)?.[1] as Source | undefined
