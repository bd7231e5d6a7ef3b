import type { Lab } from './lab.ts'

/** What was seen, and whether the bridge assumes the same; undefined where nothing could be seen. */
export type Answer = { seen: string; isAsAssumed: boolean | undefined }

/** A question about a service that only an account of it can answer. Whatever it makes, the lab removes. */
export type Probe = {
  id: string
  asks: string
  /** What the bridge assumes, or does because it is not known. */
  assumed: string
  run: (lab: Lab) => Promise<Answer>
}

export const asAssumed = (seen: string): Answer => ({ seen, isAsAssumed: true })
export const otherwise = (seen: string): Answer => ({ seen, isAsAssumed: false })
export const unknown = (seen: string): Answer => ({ seen, isAsAssumed: undefined })
export const judged = (isAsAssumed: boolean, seen: string): Answer => ({ seen, isAsAssumed })
