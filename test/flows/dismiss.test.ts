import { describe, expect, test } from 'bun:test'

import { dismiss } from '../../src/billers/lago/dismiss.ts'
import { shareWorld, type Report } from '../support/world.ts'

const isHeld = ({ state }: Report) => state === 'attention'
const isVoid = ({ state }: Report) => state === 'void'

describe('what a person has decided', () => {
  const shared = shareWorld()

  test('can be put aside, until something new is to be decided, or it is taken back', async () => {
    const { world } = shared
    const { deps } = world.bridge
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.voidInvoice(invoice.lago_id)
    await world.eventually(invoice.lago_id, isVoid)
    world.dodo.pay(sessionId)
    const held = await world.eventually(invoice.lago_id, isHeld)
    const lines: string[] = []
    const write = (line: string) => void lines.push(line)

    expect(await dismiss(deps, invoice.number, { isUndo: false, write })).toBe(0)

    const aside = await world.eventually(invoice.lago_id, isVoid)
    expect(lines).toEqual([`Put aside: ${held.reason}`])
    expect(aside.timeline.map(({ what }) => what)).toContain(
      `put aside by a person: ${held.reason}`,
    )
    expect(await dismiss(deps, invoice.lago_id, { isUndo: false, write })).toBe(1)
    expect(await dismiss(deps, invoice.lago_id, { isUndo: true, write })).toBe(0)
    await world.eventually(invoice.lago_id, isHeld)
  })
})
