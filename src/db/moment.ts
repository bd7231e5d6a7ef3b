/** Between these Postgres and JavaScript write a moment alike: one of them has a year 0, the other has not. */
const FIRST = new Date('0001-01-01T00:00:00Z')
const END = new Date('+010000-01-01T00:00:00Z')

/** A moment that somebody wrote, beginning with its day; undefined for one that the database cannot hold. */
export function readMoment(text: string): Date | undefined {
  const at = new Date(text)
  return /^\d{4}-\d\d-\d\d/.test(text) && at >= FIRST && at < END ? at : undefined
}
