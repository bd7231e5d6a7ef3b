/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { isOrderId } from '../../billers/orders/ids.ts'
import { formatDodo } from '../../collect/money.ts'
import { audited } from '../../operate/audit.ts'
import { findHeldMoney, ruleOnHeldMoney, type HeldMoney } from '../../operate/held-money.ts'
import { requestOf } from './acting.ts'
import { Confirm } from './confirm.tsx'
import { readForm } from './form.ts'
import { Link, PaymentId, When } from './kit.tsx'
import { inPath } from './query.ts'
import { pathOfReceivable } from './receivable-link.tsx'
import {
  showNothing,
  type DashboardContext,
  type DashboardDeps,
  type Env,
  type Show,
} from './show.tsx'
import { Table } from './table.tsx'

/** Dodo's documentation names this window for refunds (features/transactions/refunds); its answer decides. */
const REFUND_DAYS = 30
const DAY_MS = 24 * 3_600_000

const moneyOf = ({ amount, currency }: HeldMoney) => formatDodo(amount, currency)
const pathOf = ({
  receivableId,
  dodoPaymentId,
}: Pick<HeldMoney, 'receivableId' | 'dodoPaymentId'>) =>
  `/held/${inPath(receivableId)}/${inPath(dodoPaymentId)}`

/** Where somebody is asked whether held money is to go back, or told why it cannot. */
export const pathToGiveBack = (receivableId: string, dodoPaymentId: string) =>
  `${pathOf({ receivableId, dodoPaymentId })}/give-back`

/** The page that shows what is held for it. */
const pageOf = (receivableId: string) =>
  pathOfReceivable(isOrderId(receivableId) ? 'order' : 'invoice', receivableId)

/** The money that an invoice or order does not take, and what a person may decide about it. */
export const HeldMoneyTable = ({ of, name }: { of: readonly HeldMoney[]; name: string }) =>
  of.length === 0 ? (
    <></>
  ) : (
    <section aria-labelledby="held">
      <h2 id="held">Money that it does not take</h2>
      <Table
        caption={`Money that ${name} does not take`}
        columns={[
          'Payment',
          { label: 'Amount', is: 'number' },
          { label: 'Paid', is: 'keep' },
          'What may be done',
        ]}
        rows={of.map((held) => [
          <PaymentId of={held.dodoPaymentId} />,
          moneyOf(held),
          <When at={held.madeAt} only="age" />,
          <Choices held={held} />,
        ])}
        empty=""
      />
    </section>
  )

function Choices({ held }: { held: HeldMoney }) {
  if (held.whyNotGivenBack) return <>{held.whyNotGivenBack}</>
  return (
    <div class="buttons">
      <Link to={pathToGiveBack(held.receivableId, held.dodoPaymentId)} class="button">
        Give back {moneyOf(held)}
      </Link>
      {held.whyNotAccepted ? (
        <span>{held.whyNotAccepted}</span>
      ) : (
        <Link to={`${pathOf(held)}/accept`} class="button">
          Settled otherwise
        </Link>
      )}
    </div>
  )
}

type Kind = {
  title: (held: HeldMoney) => string
  says: (held: HeldMoney, now: Date) => readonly string[]
  press: (held: HeldMoney) => string
  whyNot: (held: HeldMoney) => string | undefined
  ruling: 'give_back' | 'accepted'
  asks?: { name: string; label: string; isRequired: boolean }
}

const KINDS: Readonly<Record<string, Kind>> = {
  'give-back': {
    ruling: 'give_back',
    title: (held) => `Give ${moneyOf(held)} back?`,
    says: (held, now) => [
      `Gives back ${moneyOf(held)} of payment ${held.dodoPaymentId} to the customer through Dodo. This cannot be undone.`,
      'Lago is looked at first: what is recorded there by now is not given back.',
      ...(now.getTime() - held.madeAt.getTime() > REFUND_DAYS * DAY_MS
        ? [
            `It was paid more than ${REFUND_DAYS} days ago, and Dodo may refuse: then that is shown, and it has to be settled by other means.`,
          ]
        : []),
    ],
    press: (held) => `Give back ${moneyOf(held)}`,
    whyNot: ({ whyNotGivenBack }) => whyNotGivenBack,
  },
  accept: {
    ruling: 'accepted',
    title: (held) => `Is ${moneyOf(held)} settled by other means?`,
    says: (held) => [
      `You have settled ${moneyOf(held)} of payment ${held.dodoPaymentId} outside of the bridge, for example as the customer's credit. No money moves, nothing is written to Lago, and it is not given back by itself any more.`,
      'The statement goes on showing it, as explained by you.',
    ],
    asks: { name: 'why', label: 'How it was settled', isRequired: true },
    press: () => 'It is settled',
    whyNot: ({ whyNotAccepted }) => whyNotAccepted,
  },
}

/** What a person decides about held money: looked at, confirmed, done once. */
export function heldMoneyPages(show: Show, deps: DashboardDeps) {
  async function find(c: DashboardContext) {
    const { receivableId = '', dodoPaymentId = '', kind = '' } = c.req.param()
    const held = await findHeldMoney(deps.db, receivableId)
    const one = held.find((other) => other.dodoPaymentId === dodoPaymentId)
    const known = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined
    return { one, kind: known, receivableId, dodoPaymentId, name: kind }
  }

  return new Hono<Env>()
    .get('/:receivableId/:dodoPaymentId/:kind', async (c) => {
      const { one, kind, receivableId, name } = await find(c)
      if (!one || !kind) return showNothing(show, c, 'Nothing of this payment is held.')
      return show(
        c,
        { title: kind.title(one), section: 'Attention' },
        <Confirm
          title={kind.title(one)}
          says={kind.says(one, deps.now())}
          press={kind.press(one)}
          to={`${pathOf(one)}/${name}`}
          back={pageOf(receivableId)}
          whyNot={kind.whyNot(one)}
          asks={kind.asks}
          fields={{ amount: String(one.amount) }}
        />,
      )
    })
    .post('/:receivableId/:dodoPaymentId/:kind', async (c) => {
      const { kind, receivableId, dodoPaymentId, name } = await find(c)
      if (!kind) return showNothing(show, c)
      const { amount, why } = await readForm(c)
      const action = name === 'accept' ? 'accept held money' : 'give back'
      const request = await requestOf(c, action, `payment ${dodoPaymentId} of ${receivableId}`)
      await audited(deps, request, async () => {
        if (kind.asks && !why?.trim()) return { isDone: false, said: 'it needs a reason' }
        // What was agreed to is what was shown.
        if (!amount || !/^\d{1,15}$/.test(amount))
          return { isDone: false, said: 'the form names no amount' }
        const word = { ruling: kind.ruling, who: request.who, amount: Number(amount) }
        return ruleOnHeldMoney(deps, { receivableId, dodoPaymentId }, { ...word, why: why?.trim() })
      })
      const path = `${show.basePath}/dashboard${pageOf(receivableId)}`
      return c.redirect(`${path}?done=${request.formId}`, 303)
    })
}
