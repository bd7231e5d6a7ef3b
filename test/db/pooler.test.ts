import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { migrate } from '../../src/db/migrate.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createPoolers, PGBOUNCER } from '../support/pgbouncer.ts'

let database: TestDatabase
const poolers = createPoolers()
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(async () => {
  await poolers.close()
  await database.drop()
})

const openPooler = (mode: string, settings?: string) => poolers.open(database.url, mode, settings)

const refusalOf = (opening: Promise<unknown>) =>
  opening.then(
    () => 'none',
    (error: unknown) => (error instanceof Error ? error.message : 'no error'),
  )

describe.if(PGBOUNCER !== undefined)('behind PgBouncer', () => {
  test('in session mode all is well, with the settings it comes with', async () => {
    expect(await refusalOf(migrate(await openPooler('session')))).toBe('none')
  })

  test.each(['', 'server_round_robin = 1', 'default_pool_size = 2'])(
    'transaction mode is refused in words that name the remedy (%s)',
    async (settings) => {
      const refusal = await refusalOf(migrate(await openPooler('transaction', settings)))
      expect(refusal).toMatch(/transaction mode.*direct address/)
    },
  )

  test('statement mode, too', async () => {
    expect(await refusalOf(migrate(await openPooler('statement')))).toMatch(
      /(statement|transaction) mode.*direct address/,
    )
  })
})

test('without one in between nothing is refused', async () => {
  expect(await refusalOf(migrate(database.url))).toBe('none')
})
