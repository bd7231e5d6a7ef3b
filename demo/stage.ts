import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { readConfig } from '../src/config.ts'
import { createLog } from '../src/log.ts'
import { createSandboxDodo } from '../sandbox/dodo/dodo.ts'
import { createSandboxLago } from '../sandbox/lago/lago.ts'
import { listen } from '../sandbox/kit/listen.ts'
import { createOracle } from '../proof/oracle.ts'
import { serve } from '../src/serve.ts'
import { onFreePort } from './ports.ts'

const HOST = '127.0.0.1'
const RETRY_SCHEDULE = '3s,10s'
const RECONCILE_EVERY = '3s'
/** Whoever runs Postgres in place of root must be able to enter the folder, not to list it. */
const ENTERED_BY_ALL = 0o711

export type Stage = Awaited<ReturnType<typeof openStage>>

/** A list of what must be undone, in reverse, however far the opening got. */
export type CleanUps = (() => unknown)[]

/** Two services, a bridge and its Postgres, all of them new and on this machine only. */
export async function openStage(
  { port: wantedPort, isAutomatic }: { port: number; isAutomatic: boolean },
  cleanUps: CleanUps,
) {
  const folder = await mkdtemp(join(tmpdir(), 'bridge-demo-'))
  cleanUps.push(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  await chmod(folder, ENTERED_BY_ALL)

  const keys = {
    lago: crypto.randomUUID(),
    lagoHmac: crypto.randomUUID(),
    dodo: `dodo_test_${randomBytes(16).toString('hex')}`,
    dodoWebhook: `whsec_${randomBytes(24).toString('base64')}`,
    admin: randomBytes(12).toString('hex'),
  }
  const lago = openLago(keys, cleanUps)
  const dodo = openDodo(keys, cleanUps)
  const logFile = join(folder, 'bridge.log')
  const log = createLog('info', false, logFile)

  const { bridge, port } = await onFreePort(wantedPort, async (candidate) => {
    const config = readConfig({
      PORT: String(candidate),
      HOST,
      PUBLIC_URL: `http://${HOST}:${candidate}`,
      DATA_DIR: join(folder, 'data'),
      LAGO_API_URL: lago.url,
      LAGO_API_KEY: keys.lago,
      LAGO_WEBHOOK_HMAC_KEY: keys.lagoHmac,
      DODO_API_URL: dodo.url,
      DODO_API_KEY: keys.dodo,
      DODO_WEBHOOK_SECRET: keys.dodoWebhook,
      COLLECTION: isAutomatic ? 'automatic' : 'checkout',
      RETRY_SCHEDULE,
      RECONCILE_EVERY,
      ADMIN_TOKEN: keys.admin,
    })
    const served = await serve(config, { log, now: () => new Date(), fetch: globalThis.fetch })
    cleanUps.push(served.stop)
    return served
  })
  const bridgeUrl = `http://${HOST}:${port}`
  lago.sandbox.setWebhookUrl(`${bridgeUrl}/webhooks/lago`)
  dodo.sandbox.setWebhookUrl(`${bridgeUrl}/webhooks/dodo`)
  const urls = { bridgeUrl, lagoUrl: lago.url, dodoUrl: dodo.url }
  const books = { lago: lago.sandbox, dodo: dodo.sandbox }
  return { bridge, port, ...urls, keys, logFile, isAutomatic, oracle: createOracle(books) }
}

type Keys = { lago: string; lagoHmac: string; dodo: string; dodoWebhook: string }

function openLago({ lago: apiKey, lagoHmac: hmacKey }: Keys, cleanUps: CleanUps) {
  const lago = listen({ port: 0 }, (publicUrl) => createSandboxLago({ apiKey, hmacKey, publicUrl }))
  cleanUps.push(() => lago.stop())
  return lago
}

function openDodo({ dodo: apiKey, dodoWebhook: webhookSecret }: Keys, cleanUps: CleanUps) {
  const dodo = listen({ port: 0 }, (publicUrl) =>
    createSandboxDodo({ apiKey, webhookSecret, publicUrl }),
  )
  cleanUps.push(() => dodo.stop())
  return dodo
}
