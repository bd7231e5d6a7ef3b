import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createSandboxDodo } from '../../sandbox/dodo/dodo.ts'
import { listen } from '../../sandbox/kit/listen.ts'
import { createSandboxOpenfront, GRAPHQL_PATH } from '../../sandbox/openfront/openfront.ts'
import { readConfig } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import { providerRecord } from '../../src/openfront/provider-record.ts'
import { serve } from '../../src/serve.ts'
import { onFreePort } from '../ports.ts'
import type { CleanUps } from '../stage.ts'

const HOST = '127.0.0.1'
const STORE = 'demo'
/** Whoever runs Postgres in place of root must be able to enter the folder, not to list it. */
const ENTERED_BY_ALL = 0o711

export type ShopStage = Awaited<ReturnType<typeof openShopStage>>

/** A patched shop, a Dodo, a bridge without Lago and its Postgres, all of them new and on this machine only. */
export async function openShopStage({ port: wanted }: { port: number }, cleanUps: CleanUps) {
  const folder = await mkdtemp(join(tmpdir(), 'bridge-demo-'))
  cleanUps.push(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  await chmod(folder, ENTERED_BY_ALL)
  const keys = {
    store: `ofk_${randomBytes(16).toString('hex')}`,
    dodo: `dodo_test_${randomBytes(16).toString('hex')}`,
    dodoWebhook: `whsec_${randomBytes(24).toString('base64')}`,
    admin: randomBytes(12).toString('hex'),
  }
  const shop = listen({ port: 0 }, (publicUrl) =>
    createSandboxOpenfront({ publicUrl, behaviour: { patch: 'full' } }),
  )
  cleanUps.push(() => shop.stop())
  const dodo = listen({ port: 0 }, (publicUrl) =>
    createSandboxDodo({ apiKey: keys.dodo, webhookSecret: keys.dodoWebhook, publicUrl }),
  )
  cleanUps.push(() => dodo.stop())
  const token = shop.sandbox.createApiKey(['read_orders'])
  const logFile = join(folder, 'bridge.log')
  const log = createLog('info', false, logFile)

  const { port } = await onFreePort(wanted, async (candidate) => {
    const config = readConfig({
      PORT: String(candidate),
      HOST,
      PUBLIC_URL: `http://${HOST}:${candidate}`,
      DATA_DIR: join(folder, 'data'),
      DODO_API_URL: dodo.url,
      DODO_API_KEY: keys.dodo,
      DODO_WEBHOOK_SECRET: keys.dodoWebhook,
      OPENFRONT_API_KEYS: `${STORE}:${keys.store}`,
      OPENFRONT_RETURN_URLS: `${STORE}:${shop.url}/checkout/{cartId}?returned=1`,
      OPENFRONT_URLS: `${STORE}:${shop.url}${GRAPHQL_PATH}`,
      OPENFRONT_TOKENS: `${STORE}:${token}`,
      OPENFRONT_COMPLETE_AFTER: '8s',
      RECONCILE_EVERY: '3s',
      ADMIN_TOKEN: keys.admin,
    })
    const served = await serve(config, { log, now: () => new Date(), fetch: globalThis.fetch })
    cleanUps.push(served.stop)
    return served
  })
  const bridgeUrl = `http://${HOST}:${port}`
  dodo.sandbox.setWebhookUrl(`${bridgeUrl}/webhooks/dodo`)
  shop.sandbox.createRegion('US', 'USD')
  const product = shop.sandbox.createProduct('E-book', 2_599)
  const record = providerRecord({ publicUrl: bridgeUrl, apiKey: keys.store, mode: 'test' })
  shop.sandbox.createProvider(record)
  const urls = { bridgeUrl, shopUrl: shop.url, dodoUrl: dodo.url }
  return { port, ...urls, keys: { ...keys, token }, code: record.code, product, logFile }
}
