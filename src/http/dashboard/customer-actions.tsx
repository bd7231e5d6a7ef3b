/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { audited } from '../../operate/audit.ts'
import { renewSetupLink } from '../../operate/new-link.ts'
import { stopCharging } from '../../operate/stop-charging.ts'
import { describeCustomer } from '../../report/customer.ts'
import { requestOf } from './acting.ts'
import { Confirm } from './confirm.tsx'
import { inPath } from './query.ts'
import { showNothing, type DashboardDeps, type Env, type Show } from './show.tsx'

/** What an operator may do about a customer: another link to save a card, and no more charges of one. */
export function customerActions(show: Show, deps: DashboardDeps) {
  const { db, config } = deps
  const at = (id: string, done: string) =>
    `${show.basePath}/dashboard/customers/${inPath(id)}?done=${done}`

  return new Hono<Env>()
    .get('/:id/new-link', async (c) => {
      const id = c.req.param('id')
      const known = await describeCustomer(db, config.publicUrl, id)
      if (!known) return showNothing(show, c, 'The bridge does not know this customer.')
      return show(
        c,
        { title: 'New link', section: 'Customers' },
        <Confirm
          title={`Make other links for ${id}?`}
          says={[
            'The link to save a card and the one to the account page stop working, and others take their place. Mails that carry the old ones are out of date. Cards that are saved stay saved.',
          ]}
          press="Make another link"
          to={`/customers/${inPath(id)}/new-link`}
          back={`/customers/${inPath(id)}`}
        />,
      )
    })
    .post('/:id/new-link', async (c) => {
      const id = c.req.param('id')
      const request = await requestOf(c, 'new link', `customer ${id}`)
      await audited(deps, request, () => renewSetupLink(deps, id))
      return c.redirect(at(id, request.formId), 303)
    })
    .get('/:id/cards/:card/stop', async (c) => {
      const { id, card } = c.req.param()
      const customer = await describeCustomer(db, config.publicUrl, id)
      const mandate = customer?.mandates.find((one) => one.dodoSubscriptionId === card)
      if (!mandate) return showNothing(show, c, 'This customer has no such card.')
      return show(
        c,
        { title: 'Stop charging', section: 'Customers' },
        <Confirm
          title={`Stop charging the saved card of ${id}?`}
          says={[
            `The mandate ${card} (${mandate.currency}) is not charged from now on, and is cancelled in Dodo. A charge that is under way is not stopped.`,
            'Later invoices wait at their pay links. To be charged again, the customer saves a card anew. Dodo mails the customer that a subscription was cancelled.',
          ]}
          press="Stop charging this card"
          to={`/customers/${inPath(id)}/cards/${inPath(card)}/stop`}
          back={`/customers/${inPath(id)}`}
          whyNot={mandate.isStopped ? 'it is stopped already' : undefined}
        />,
      )
    })
    .post('/:id/cards/:card/stop', async (c) => {
      const { id, card } = c.req.param()
      const request = await requestOf(c, 'stop charging', `card ${card} of customer ${id}`)
      const subject = { payerKey: id, dodoSubscriptionId: card }
      await audited(deps, request, () => stopCharging(deps, subject, request.who))
      return c.redirect(at(id, request.formId), 303)
    })
}
