import { expect, test } from 'bun:test'

import pino from 'pino'

import { readConfig } from '../../src/config.ts'
import { serve } from '../../src/serve.ts'
import { createTestDatabase } from '../support/database.ts'
import { DODO_KEY, LAGO_KEY, WEBHOOK_SECRET } from '../support/world.ts'

const NOWHERE = 'http://127.0.0.1:1'

test('in JWT mode a header as large as an invoice is read, and refused for its signature alone', async () => {
  const database = await createTestDatabase()
  const config = readConfig({
    PORT: '0',
    DATABASE_URL: database.url,
    LAGO_API_URL: NOWHERE,
    LAGO_API_KEY: LAGO_KEY,
    LAGO_WEBHOOK_SIGNATURE: 'jwt',
    DODO_API_URL: NOWHERE,
    DODO_API_KEY: DODO_KEY,
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
  })
  const log = pino({ level: 'silent' })
  const { port, stop } = await serve(config, { log, now: () => new Date(), fetch })

  const response = await fetch(`http://127.0.0.1:${port}/webhooks/lago`, {
    method: 'POST',
    body: '{}',
    headers: { 'X-Lago-Signature': 'x'.repeat(1_000_000), 'X-Lago-Unique-Key': 'one' },
  })

  expect([401, 503]).toContain(response.status)
  await stop()
  await database.drop()
})
