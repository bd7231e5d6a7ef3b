import { Hono } from 'hono'

import { answerQuery, answerTroubled } from '../../billers/highlevel/query.ts'
import type { HighlevelDeps } from '../../billers/highlevel/deps.ts'
import { messageOf } from '../../errors.ts'
import { allowOnly, limitBody, readObject } from './json.ts'

const failed = (message: string) => ({ success: false, message })

/**
 * `queryUrl`: what HighLevel's server asks. The key in the body is all that tells who calls, and is judged first; after
 * that everything is answered with 200, and the outcome is in the body (HighLevel's help article 155000002620).
 */
export function highlevelQuery(deps: HighlevelDeps) {
  const app = new Hono()
  app.post('/query', limitBody(failed('Body too large')), async (c) => {
    const query = await readObject(c)
    if (!query) return c.json(failed('send a JSON object'), 400)
    try {
      const { status, body } = await answerQuery(deps, query)
      return c.json(body, status)
    } catch (error) {
      const { type } = query
      deps.log.error({ type: String(type).slice(0, 40), error: messageOf(error) }, 'query failed')
      return c.json(answerTroubled(deps, type), 200)
    }
  })
  allowOnly(app, '/query', 'POST', failed('send POST'))
  return app
}
