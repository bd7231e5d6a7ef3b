import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { exchange, statusOf } from '../support/raw.ts'
import { ADMIN_TOKEN } from '../support/world.ts'
import { serveDashboard, type Served } from './dashboard/support.ts'

/** A stranger may write what they like there, and a health check over HTTP/1.0 nothing. */
const HOSTS = ['[', '[::1', '%00', 'x:99999999']
const OF_OPERATORS = ['/metrics', '/api/invoices?limit=1', '/api/openapi.json']
const OF_EVERYBODY = [
  '/',
  '/health',
  '/ready',
  '/pay/x',
  '/account/x',
  '/dashboard',
  '/dashboard/x?y=1',
]
const PATHS = [...OF_OPERATORS, ...OF_EVERYBODY]

describe('an address whose host is garbled, or is not named', () => {
  const shared = {} as { served: Served; port: number }
  beforeAll(async () => {
    const served = await serveDashboard()
    Object.assign(shared, { served, port: Number(new URL(served.origin).port) })
  })
  afterAll(() => shared.served.close())

  test.each(PATHS)('is answered as any other: %s', async (path) => {
    const ask = async (version: string, host: string) =>
      statusOf(
        await exchange(
          shared.port,
          `GET ${path} HTTP/${version}\r\n${host}Authorization: Bearer ${ADMIN_TOKEN}\r\nConnection: close\r\n\r\n`,
        ),
      )
    const usual = await ask('1.1', 'Host: bridge.example\r\n')

    const answers = await Promise.all([
      ...HOSTS.map((host) => ask('1.1', `Host: ${host}\r\n`)),
      ask('1.0', ''),
    ])

    expect(usual).toBeLessThan(500)
    expect(new Set(answers)).toEqual(new Set([usual]))
  })
})
