/** Who sends webhooks. */
export const SOURCES = ['lago', 'dodo', 'highlevel'] as const
export type Source = (typeof SOURCES)[number]
