/** The shop says no: an entry of `errors` in an answer that is HTTP 200. */
export class OpenfrontRefusal extends Error {
  override name = 'OpenfrontRefusal' as const
}

/** The thing does not exist, or not for whoever asks. */
export function notFound(what: string): OpenfrontRefusal {
  return new OpenfrontRefusal(`${what} not found`)
}
