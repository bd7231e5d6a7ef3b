import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createSandboxDodo } from '../../sandbox/dodo/dodo.ts'
import { createSandboxHighlevel } from '../../sandbox/highlevel/highlevel.ts'
import { listen } from '../../sandbox/kit/listen.ts'
import { readConfig } from '../../src/config.ts'
import { SCOPES } from '../../src/highlevel/oauth.ts'
import { createLog } from '../../src/log.ts'
import { serve } from '../../src/serve.ts'
import { onFreePort } from '../ports.ts'
import type { CleanUps } from '../stage.ts'

const HOST = '127.0.0.1'
const RECONCILE_EVERY = '3s'
/** HighLevel has so long to ask by itself; longer than any step of the story takes. */
const TELL_AFTER = '2s'
export const LOCATION = 'loc_demo_1'
/** Whoever runs Postgres in place of root must be able to enter the folder, not to list it. */
const ENTERED_BY_ALL = 0o711

export type HighlevelStage = Awaited<ReturnType<typeof openHighlevelStage>>

/** A HighLevel, a Dodo, a bridge that serves nothing but HighLevel, and its Postgres, all of them new. */
export async function openHighlevelStage(
  { port: wantedPort }: { port: number },
  cleanUps: CleanUps,
) {
  const folder = await mkdtemp(join(tmpdir(), 'bridge-demo-'))
  cleanUps.push(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  await chmod(folder, ENTERED_BY_ALL)

  const keys = {
    dodo: `dodo_test_${randomBytes(16).toString('hex')}`,
    dodoWebhook: `whsec_${randomBytes(24).toString('base64')}`,
    admin: randomBytes(12).toString('hex'),
  }
  const dodo = listen({ port: 0 }, (publicUrl) =>
    createSandboxDodo({ apiKey: keys.dodo, webhookSecret: keys.dodoWebhook, publicUrl }),
  )
  cleanUps.push(() => dodo.stop())
  const app = {
    id: 'app_demo_1',
    clientId: 'app_demo_1-demo',
    clientSecret: randomBytes(16).toString('hex'),
    redirectUrl: '',
    scopes: SCOPES,
    ssoSecret: randomBytes(16).toString('hex'),
  }
  const highlevel = listen({ port: 0 }, (publicUrl) => createSandboxHighlevel({ app, publicUrl }))
  cleanUps.push(() => highlevel.stop())
  const logFile = join(folder, 'bridge.log')
  const log = createLog('info', false, logFile)

  const { port } = await onFreePort(wantedPort, async (candidate) => {
    const config = readConfig({
      PORT: String(candidate),
      HOST,
      PUBLIC_URL: `http://${HOST}:${candidate}`,
      DATA_DIR: join(folder, 'data'),
      DODO_API_URL: dodo.url,
      DODO_API_KEY: keys.dodo,
      DODO_WEBHOOK_SECRET: keys.dodoWebhook,
      HIGHLEVEL_CLIENT_ID: app.clientId,
      HIGHLEVEL_CLIENT_SECRET: app.clientSecret,
      HIGHLEVEL_SECRET: randomBytes(32).toString('hex'),
      HIGHLEVEL_LOCATIONS: LOCATION,
      HIGHLEVEL_TELL_AFTER: TELL_AFTER,
      HIGHLEVEL_API_URL: highlevel.url,
      HIGHLEVEL_WEBHOOK_URL: `${highlevel.url}/payments/custom-provider/webhook`,
      HIGHLEVEL_MARKETPLACE_URL: highlevel.url,
      HIGHLEVEL_WEBHOOK_PUBLIC_KEY: highlevel.sandbox.webhookPublicKey,
      RECONCILE_EVERY,
      ADMIN_TOKEN: keys.admin,
    })
    const served = await serve(config, { log, now: () => new Date(), fetch: globalThis.fetch })
    cleanUps.push(served.stop)
    return served
  })
  const bridgeUrl = `http://${HOST}:${port}`
  // The developer enters it in the marketplace app, by hand.
  app.redirectUrl = `${bridgeUrl}/highlevel/oauth/callback`
  highlevel.sandbox.setWebhookUrl(`${bridgeUrl}/webhooks/highlevel`)
  dodo.sandbox.setWebhookUrl(`${bridgeUrl}/webhooks/dodo`)
  highlevel.sandbox.createLocation(LOCATION)
  return {
    port,
    keys,
    logFile,
    bridgeUrl,
    dodoUrl: dodo.url,
    highlevelUrl: highlevel.url,
    highlevel: highlevel.sandbox,
    dodo: dodo.sandbox,
  }
}
