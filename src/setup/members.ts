const MAX_NAMED = 5

/** Whether two lists hold the same names, in whatever order. */
export const sameMembers = (some: readonly string[], others: readonly string[]): boolean =>
  new Set(some).symmetricDifference(new Set(others)).size === 0

/** How the events that an endpoint listens for differ from those that are in use; without a list it is sent all. */
export function differenceOfEvents(
  events: readonly string[] | null | undefined,
  inUse: readonly string[],
): string {
  if (!events) return `sends all events, ${inUse.length} are in use`
  const missing = inUse.filter((name) => !events.includes(name))
  if (missing.length === 0) return `sends ${events.length - inUse.length} events of no use`
  const more = missing.length > MAX_NAMED ? ` and ${missing.length - MAX_NAMED} more` : ''
  return `misses ${missing.slice(0, MAX_NAMED).join(', ')}${more}`
}
