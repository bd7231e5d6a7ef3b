import { eventually, expectSame } from '../eventually.ts'
import type { Narrator } from '../narrator.ts'
import type { Buyer, Session } from './buyer.ts'
import { LOCATION, type HighlevelStage } from './stage.ts'

const CARD = { email: 'ada@example.test', name: 'Ada Demo', country: 'US' }
const DECLINE = 'INSUFFICIENT_FUNDS'

type Telling = { stage: HighlevelStage; narrator: Narrator; buyer: Buyer }

/** The life of four sales, each step checked in HighLevel and in Dodo. Throws at the first that fails. */
export async function tellHighlevelStory(telling: Telling): Promise<void> {
  await tellInstallation(telling)
  const sold = await tellSale(telling)
  await tellDecline(telling)
  await tellRefund(telling, sold)
  await tellLostWebhook(telling)
  await tellClosedTab(telling)
}

async function tellInstallation({ stage, narrator, buyer }: Telling) {
  narrator.chapter('1. A sub-account installs the app')
  const claim = 'HighLevel has the provider, with the keys of test mode, and none of live mode'
  await narrator.step(claim, async () => {
    await buyer.install()
    await eventually(claim, async () => {
      const keys = stage.highlevel.store.integrations.get(LOCATION)?.keys
      return keys?.test && !keys.live ? { found: true } : { seen: JSON.stringify(keys) }
    })
  })
}

/** A buyer reaches the payment step, and the page in the iframe opens a session. */
async function begin({ narrator, buyer }: Telling, amount: number) {
  const { transaction } = buyer.sell(amount)
  const session = await narrator.step(
    `a buyer reaches the payment step: the page asks for exactly ${amount.toFixed(2)} USD`,
    async () => {
      const opened = await buyer.openSession(transaction._id)
      expectSame('it asks for', opened.amount, Math.round(amount * 100))
      return opened
    },
  )
  return { transactionId: transaction._id, session }
}

async function pay({ narrator, buyer }: Telling, session: Session) {
  const claim = 'the buyer pays in the popup, and the page says so to HighLevel'
  return narrator.step(
    claim,
    async () => {
      await buyer.checkOut(session, { ...CARD, outcome: 'succeeded' })
      const { chargeId = '' } = await buyer.waitFor(
        session.ref,
        claim,
        ({ status }) => status === 'succeeded',
      )
      return chargeId
    },
    (chargeId) => `${claim}: ${chargeId}`,
  )
}

async function tellSale(telling: Telling) {
  const { narrator, buyer } = telling
  narrator.chapter('2. A sale')
  const { transactionId, session } = await begin(telling, 25.99)
  const chargeId = await pay(telling, session)
  await narrator.step(
    'HighLevel asks the bridge, and marks the transaction as succeeded',
    async () => {
      expectSame('verify says', await buyer.verify(transactionId, chargeId), 'succeeded')
      expectSame('the transaction is', buyer.statusOf(transactionId), 'succeeded')
    },
  )
  return { transactionId }
}

async function tellDecline(telling: Telling) {
  const { narrator, buyer } = telling
  narrator.chapter('3. A card is declined, and another one pays')
  const { transactionId, session } = await begin(telling, 49)
  const claim = 'the page says that the card was declined, and can be tried again'
  await narrator.step(claim, async () => {
    await buyer.checkOut(session, { ...CARD, outcome: 'failed', code: DECLINE })
    await buyer.waitFor(session.ref, claim, ({ message }) => message !== undefined)
  })
  const chargeId = await pay(telling, session)
  await narrator.step('HighLevel asks, and is told of the one that was paid', async () => {
    expectSame('verify says', await buyer.verify(transactionId, chargeId), 'succeeded')
  })
}

async function tellRefund({ stage, narrator, buyer }: Telling, sold: { transactionId: string }) {
  narrator.chapter('4. A part of the first sale is refunded')
  await narrator.step(
    'somebody presses Refund in HighLevel for 10.00: Dodo gives back exactly that, once',
    async () => {
      const { id } = await buyer.refund(sold.transactionId, 10)
      const refunds = [...stage.dodo.store.refunds.values()]
      expectSame('refunds in Dodo', refunds.length, 1)
      expectSame('it is', refunds[0]?.refund_id, id)
      expectSame('of', refunds[0]?.amount, 1_000)
    },
  )
}

async function tellLostWebhook(telling: Telling) {
  const { stage, narrator } = telling
  narrator.chapter("5. Dodo's webhooks are lost, and the page finds out all the same")
  stage.dodo.courier.switches.lose = true
  const { transactionId, session } = await begin(telling, 12.5)
  const chargeId = await pay(telling, session)
  stage.dodo.courier.switches.lose = false
  await narrator.step('HighLevel asks, and is told', async () => {
    const said = await telling.buyer.verify(transactionId, chargeId)
    expectSame('verify says', said, 'succeeded')
  })
}

async function tellClosedTab(telling: Telling) {
  const { narrator, buyer } = telling
  narrator.chapter('6. A buyer pays, and closes the tab before the page could say so')
  const { transactionId, session } = await begin(telling, 99)
  const claim = 'nobody asks: the bridge tells HighLevel by itself, which marks it as succeeded'
  await narrator.step('the buyer pays in the popup, and everything is closed', () =>
    buyer.checkOut(session, { ...CARD, outcome: 'succeeded' }),
  )
  await narrator.step(claim, () =>
    eventually(claim, async () => {
      const status = buyer.statusOf(transactionId)
      return status === 'succeeded' ? { found: true } : { seen: status }
    }),
  )
}
