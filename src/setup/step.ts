/** One thing that `setup` does, or leaves as it is. */
export type Step = {
  what: 'Lago webhook' | 'Dodo webhook' | 'Dodo product' | 'HighLevel location'
  verb: 'keep' | 'create' | 'update' | 'remove' | 'leave'
  /** Which one, and how. */
  about: string
  run?: () => Promise<void>
}

/** What `setup` would do about one thing, and what is to be done after it. */
export type Plan = {
  /** In the order in which they are done. */
  steps: Step[]
  /** Done once all is there: what is replaced goes last, so that there is never none. */
  afterwards: Step[]
}

/** Whether anything is changed at all. */
export const changesAnything = ({ steps, afterwards }: Plan) =>
  [...steps, ...afterwards].some(({ run }) => run !== undefined)
