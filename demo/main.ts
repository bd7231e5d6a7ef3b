import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Invoice } from './invoice-steps.ts'
import { playHighlevel } from './highlevel/play.ts'
import { createMerchant } from './merchant.ts'
import { createNarrator, StepFailed, type Narrator } from './narrator.ts'
import type { Sale } from './openfront/shopper.ts'
import type { ShopStage } from './openfront/shop-stage.ts'
import { type CleanUps, openStage, type Stage } from './stage.ts'
import { BLUE_FERN, tellStory } from './story.ts'
import { messageOf } from '../src/errors.ts'

const DEFAULT_PORT = 3000
const INTERRUPTED = 130
const SHOWN_WARNINGS = 5
/** An end that has not come by now is made. */
const CLEAN_UP_MS = 20_000

/** Runs the demonstration, stays up unless told otherwise, and leaves nothing behind. */
async function main() {
  // A proxy for the outside world is of no use between two ports of this machine.
  process.env['NO_PROXY'] = '127.0.0.1,localhost'
  let isOver = false
  const write = (text: string) => void (isOver || process.stdout.write(text))
  const narrator = createNarrator(write, process.stdout.isTTY)
  const isToExit = process.argv.includes('--exit')
  const isAutomatic = process.argv.includes('--automatic')
  const interrupted = Promise.withResolvers<'interrupted'>()
  const interrupt = () => interrupted.resolve('interrupted')
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('SIGHUP', interrupt)

  const cleanUps: CleanUps = []
  if (process.argv.includes('--highlevel'))
    return playHighlevel({ narrator, cleanUps, isToExit, interrupted: interrupted.promise })
  const isShop = process.argv.includes('--openfront')
  const { opening, played } = isShop
    ? beginShop({ port: readPort() }, { narrator, cleanUps })
    : begin({ port: readPort(), isAutomatic }, { narrator, cleanUps })
  const outcome = await Promise.race([played.catch(toFailure), interrupted.promise])
  if (outcome instanceof Error) await explain(narrator, outcome, opening)
  else if (outcome !== 'interrupted' && !isToExit) {
    outcome()
    await interrupted.promise
  }

  setTimeout(() => process.exit(1), CLEAN_UP_MS).unref()
  narrator.say('\nStopping, and removing everything that was started …')
  isOver = true
  await opening.catch(() => undefined)
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  if (outcome === 'interrupted') return INTERRUPTED
  return outcome instanceof Error ? 1 : 0
}

type Telling = { narrator: Narrator; cleanUps: CleanUps }
/** A demonstration under way: what it is told on, and, at its end, what invites to go on. */
type Begun = { opening: Promise<{ logFile: string }>; played: Promise<() => void> }

function begin(options: Parameters<typeof openStage>[0], { narrator, cleanUps }: Telling): Begun {
  const opening = openStage(options, cleanUps)
  const played = opening.then((stage) => play(stage, narrator))
  return { opening, played: played.then((seen) => () => invite(narrator, seen)) }
}

function beginShop({ port }: { port: number }, { narrator, cleanUps }: Telling): Begun {
  const loading = loadShop()
  const opening = loading.then(({ openShopStage }) => openShopStage({ port }, cleanUps))
  const played = opening.then(async (stage) => {
    const { tellShopStory } = await loading
    introduceShop(narrator, stage)
    const sale = await tellShopStory(stage, narrator)
    return () => inviteToShop(narrator, stage, sale)
  })
  return { opening, played }
}

/** The sandbox shop speaks GraphQL, by a library that no deployment needs: it is installed when this story is asked for. */
async function loadShop() {
  const installing = Bun.spawn([process.execPath, 'src/install/main.ts', '--development'], {
    cwd: join(import.meta.dir, '..'),
    stdio: ['ignore', 2, 2],
  })
  if ((await installing.exited) !== 0) throw new Error('the sandbox shop could not be installed')
  const { openShopStage } = await import('./openfront/shop-stage.ts')
  const { tellShopStory } = await import('./openfront/shop-story.ts')
  return { openShopStage, tellShopStory }
}

type Played = { stage: Stage; invoice: Invoice }

const toFailure = (error: unknown) => (error instanceof Error ? error : new Error(messageOf(error)))

async function play(stage: Stage, narrator: Narrator): Promise<Played> {
  introduce(narrator, stage)
  const invoice = await tellStory({ stage, narrator, merchant: createMerchant(stage) })
  return { stage, invoice }
}

function readPort(): number {
  const port = Number(process.env['PORT'])
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : DEFAULT_PORT
}

function introduce({ say, show, chapter }: Narrator, stage: Stage) {
  const wanted = readPort()
  chapter('Lago, Dodo Payments and the bridge between them, on this machine')
  say('  Real payloads over real HTTP, and no real money: both services are sandboxes.')
  say()
  if (stage.port !== wanted) say(`  Port ${wanted} is taken; the bridge is on ${stage.port}.`)
  show(
    `Lago      ${stage.lagoUrl}`,
    `Dodo      ${stage.dodoUrl}/sandbox`,
    `Bridge    ${stage.bridgeUrl}`,
    `its log   ${stage.logFile}`,
  )
}

/** The log goes with everything else, so what it says of the failure is shown first. */
async function explain({ say, paint }: Narrator, error: Error, opening: Begun['opening']) {
  const text = error instanceof StepFailed ? error.message : messageOf(error)
  for (const line of text.split('\n')) say(`    ${paint('red', line)}`)
  const stage = await opening.catch(() => undefined)
  if (!stage) return
  const log = await readFile(stage.logFile, 'utf8')
  const troubles = log.split('\n').filter((line) => /"level":[456]0/.test(line))
  if (troubles.length > 0) say(`\n  The last warnings in the bridge's log:`)
  for (const line of troubles.slice(-SHOWN_WARNINGS)) say(`    ${line}`)
}

function invite({ say, show, chapter }: Narrator, { stage, invoice }: Played) {
  const { lagoUrl, dodoUrl, bridgeUrl, keys } = stage
  const curl = `curl -H 'Authorization: Bearer ${keys.admin}' ${bridgeUrl}/api`
  chapter('Every step did what it says. Now it is yours')
  if (stage.isAutomatic) {
    say('  By paying, the customers saved their cards. Create another invoice for Blue Fern Inc in')
    say('  Lago (under "New invoice"): it is paid at once, without the customer:')
  } else {
    say('  Create an invoice in Lago (under "New invoice"), and follow its pay link:')
  }
  show(lagoUrl)
  say('  Pay or decline the open checkouts in Dodo, refund a payment, dispute it, lose webhooks:')
  show(`${dodoUrl}/sandbox`)
  say('  Ask the bridge what it knows of an invoice (its number in Lago links to its id):')
  show(`${curl}/invoices/${invoice.lago_id}`)
  if (stage.isAutomatic) {
    say('  or of a customer, and where they save another card:')
    show(`${curl}/customers/${BLUE_FERN.external_id}`)
  }
  say(`  Its log is ${stage.logFile}. Ctrl-C ends everything and removes it.`)
}

function introduceShop({ say, show, chapter }: Narrator, stage: ShopStage) {
  const wanted = readPort()
  chapter('A shop of Openfront, Dodo Payments and the bridge between them, on this machine')
  say('  Real payloads over real HTTP, and no real money: both services are sandboxes.')
  say()
  if (stage.port !== wanted) say(`  Port ${wanted} is taken; the bridge is on ${stage.port}.`)
  show(
    `Shop      ${stage.shopUrl}`,
    `Dodo      ${stage.dodoUrl}/sandbox`,
    `Bridge    ${stage.bridgeUrl}`,
    `its log   ${stage.logFile}`,
  )
}

function inviteToShop({ say, show, chapter }: Narrator, stage: ShopStage, { orderId }: Sale) {
  const { shopUrl, dodoUrl, bridgeUrl, keys } = stage
  chapter('Every step did what it says. Now it is yours')
  say('  Buy something in the shop, and come back to it or do not:')
  show(shopUrl)
  say('  Change how the shop behaves (as published, it makes no order), and look at its carts:')
  show(`${shopUrl}/sandbox`)
  say('  Pay or decline the open checkouts in Dodo, refund a payment, lose webhooks:')
  show(`${dodoUrl}/sandbox`)
  say('  Ask the bridge what it knows of an order:')
  show(`curl -H 'Authorization: Bearer ${keys.admin}' ${bridgeUrl}/api/orders/${orderId}`)
  say(`  Its log is ${stage.logFile}. Ctrl-C ends everything and removes it.`)
}

process.exit(await main())
