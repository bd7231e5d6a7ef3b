import { describe, expect, test } from 'bun:test'

import { ADMIN_TOKEN, shareWorld } from '../../support/world.ts'
import { signIn, serveDashboard } from '../dashboard/support.ts'

const HOUR_MS = 3_600_000
const inTokyo = 'tz=Asia%2FTokyo'
const inNewYork = 'tz=America%2FNew_York'

/** How long until so many hours before (less than 0) or after the next month begins in UTC. */
function untilBorder(now: Date, hours: number) {
  const border = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)
  return border + hours * HOUR_MS - now.getTime()
}
const monthOf = (at: Date) => at.toISOString().slice(0, 7)

describe('the statement of no days in particular, where the month is another one than in UTC', () => {
  const shared = shareWorld()
  const fromIn = async (tz: string) => {
    const response = await shared.world.get(`/api/statement?${tz}`, {
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
    })
    return ((await response.json()) as { from?: string }).from
  }

  test('is of the month that it is there', async () => {
    const { world } = shared
    const { deps } = world.bridge
    world.advance(untilBorder(deps.now(), -4))
    const coming = monthOf(new Date(deps.now().getTime() + 5 * HOUR_MS))
    const going = monthOf(deps.now())

    expect(await fromIn(inTokyo)).toBe(`${coming}-01`)
    expect(await fromIn(inNewYork)).toBe(`${going}-01`)
    world.advance(6 * HOUR_MS)
    expect(await fromIn(inNewYork)).toBe(`${going}-01`)
    expect(await fromIn(inTokyo)).toBe(`${coming}-01`)
  })

  test('is so on its page', async () => {
    const served = await serveDashboard()
    const { world } = served
    world.advance(untilBorder(world.bridge.deps.now(), 2))
    const me = await signIn(served.origin)

    const page = await me.text(`/dashboard/statement?${inNewYork}`)

    expect(page).toContain('Month before')
    expect(page).not.toContain('has not come yet')
    await served.close()
  })
})
