import { isStorable } from '../../db/storable.ts'
import type { DashboardContext } from './show.tsx'

const MAX_LENGTH = 200

/** One parameter of the address; undefined where it is empty or cannot be meant. */
export function given(c: DashboardContext, name: string): string | undefined {
  const text = c.req.query(name)?.replaceAll('\0', '').trim().slice(0, MAX_LENGTH)
  return text === '' ? undefined : text
}

/** The same, if it is one of those that there are. */
export const givenOf = <Choice extends string>(
  c: DashboardContext,
  name: string,
  choices: readonly Choice[],
): Choice | undefined => choices.find((one) => one === given(c, name))

/** The same as a day, from its beginning in UTC. */
export function givenDay(c: DashboardContext, name: string): Date | undefined {
  const text = given(c, name) ?? ''
  const day = new Date(`${text}T00:00:00Z`)
  return /^\d{4}-\d\d-\d\d$/.test(text) && isStorable(day) ? day : undefined
}

/** An address with the same parameters, but for those that are named: undefined takes one out. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value) parameters.set(name, value)
  const text = parameters.toString()
  return text === '' ? path : `${path}?${text}`
}

/** An id as a part of an address. */
export const inPath = (id: string) => encodeURIComponent(id)
