import { describe, expect, test } from 'bun:test'

import { createBodyRoom } from '../../src/http/body-room.ts'
import { Refusal } from '../../src/http/refusal.ts'

const LIMITS = { smallRoomBytes: 100, bigRoomBytes: 400, smallBytes: 50 }
const isEvicted = (body: { evicted: Promise<never> }) =>
  Promise.race([body.evicted, Promise.resolve(false)]).catch(() => true)

describe('the room for bodies in hand', () => {
  test('is taken by what arrives, not by what is announced', () => {
    const room = createBodyRoom(LIMITS)
    for (let count = 0; count < 1_000; count += 1) room.enter(50)

    expect(() => room.grow(room.enter(50), 50)).not.toThrow()
  })

  test('small bodies never wait for big ones', () => {
    const room = createBodyRoom(LIMITS)
    room.grow(room.enter(400), 400)

    expect(() => room.grow(room.enter(400), 10)).toThrow(Refusal)
    expect(() => room.grow(room.enter(50), 50)).not.toThrow()
  })

  test('a small body that is kept half sent makes room for one that comes', async () => {
    const room = createBodyRoom(LIMITS)
    const [first, second] = [room.enter(50), room.enter(50)]
    room.grow(first, 49)
    room.grow(second, 49)

    room.grow(room.enter(50), 50)

    expect(await isEvicted(first)).toBe(true)
    expect(await isEvicted(second)).toBe(false)
  })

  test('a body that is there and being stored makes room for none', () => {
    const room = createBodyRoom(LIMITS)
    for (const body of [room.enter(50), room.enter(50)]) {
      room.grow(body, 50)
      body.isComplete = true
    }

    expect(() => room.grow(room.enter(50), 50)).toThrow(Refusal)
  })

  test('what turns out to be big counts among the big ones, and gives its place back', () => {
    const room = createBodyRoom(LIMITS)
    const body = room.enter(0)
    room.grow(body, 40)
    room.grow(body, 300)
    room.grow(room.enter(50), 50)
    room.grow(room.enter(50), 50)
    expect(() => room.grow(room.enter(300), 300)).toThrow(Refusal)

    room.leave(body)

    const next = room.enter(300)
    expect(() => room.grow(next, 100)).not.toThrow()
  })

  test('so many bodies, however small, make room one by one, and those being stored stay', async () => {
    const room = createBodyRoom({ ...LIMITS, mostBodies: 2 })
    const [stored, first] = [room.enter(0), room.enter(0)]
    stored.isComplete = true

    const second = room.enter(400)
    second.isComplete = true

    expect(await isEvicted(first)).toBe(true)
    expect(await isEvicted(stored)).toBe(false)
    expect(() => room.enter(0)).toThrow(Refusal)
    expect(() => room.enter(0)).toThrow(Refusal)
  })

  test('a body that had to make room takes none any more, whatever of it still comes', async () => {
    const room = createBodyRoom(LIMITS)
    const [late, other] = [room.enter(50), room.enter(50)]
    room.grow(late, 49)
    room.grow(room.enter(50), 50)
    room.grow(other, 50)
    expect(await isEvicted(late)).toBe(true)

    expect(() => room.grow(late, 1)).toThrow(Refusal)

    room.leave(late)
    room.grow(room.enter(50), 0)
    expect(await isEvicted(other)).toBe(false)
  })
})
