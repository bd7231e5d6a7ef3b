import { count } from '../print/text.ts'
import { ok, warn, type Check } from './check.ts'

export const settings: Check = {
  id: 'settings',
  run: ({ given, doubts }) => {
    const evidence = `${count(given.length, 'setting')}, none unknown`
    if (doubts.length === 0) return ok(evidence)
    return warn(doubts.join('\n'), 'correct them, or leave them if that is how it should be')
  },
}
