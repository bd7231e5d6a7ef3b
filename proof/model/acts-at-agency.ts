import type { Paying } from '../../test/highlevel/pay/support.ts'
import type { Doing } from './acts.ts'

const HUNDRED = 100

/** Where there is no agency, none of this happens. */
async function within({ place }: Doing, act: (agency: Paying) => Promise<unknown>) {
  if (place.agency) await act(place.agency)
}

/** The newest payment of any transaction, which may be another's. */
const chargeOf = ({ world, sale }: Doing, isOwn = true) =>
  [...world.dodo.store.payments.values()].findLast(
    ({ metadata }) => sale.isAbout(metadata) === isOwn,
  )?.payment_id ?? ''

const verify = ({ world, sale }: Doing, chargeId: string) =>
  world.highlevel.verify(sale.id, chargeId)

const refund = ({ world, sale, amount }: Doing) => world.highlevel.refund(sale.id, amount / HUNDRED)

/** What buyers, HighLevel's server and the agency do. */
export const AT_AGENCY = {
  'a buyer opens the pay page': ({ place, story }: Doing) =>
    place.begin().then((sale) => void story.sales.push(sale)),
  'the buyer opens the pay page again': (doing: Doing) =>
    within(doing, async (agency) => {
      const opened = await agency.session(agency.world.highlevel.paymentProps(doing.sale.id))
      const { checkoutUrl } = opened.body
      if (typeof checkoutUrl === 'string') await agency.world.follow(checkoutUrl)
    }),
  'the page looks whether it is paid': (doing: Doing) =>
    within(doing, async (agency) => {
      const [order] = await agency.reportsOf(doing.sale.id)
      await agency.show(order?.orderId ?? 'none')
    }),
  'HighLevel asks whether it is paid': (doing: Doing) =>
    within(doing, () => verify(doing, chargeOf(doing))),
  'HighLevel asks with the charge of another': (doing: Doing) =>
    within(doing, () => verify(doing, chargeOf(doing, false))),
  'HighLevel asks for another amount from now on': ({ world, sale, amount }: Doing) => {
    const transaction = world.highlevel.store.transactions.get(sale.id)
    // What it shows as paid, it asks for no more.
    if (transaction?.status === 'pending') transaction.amount = amount / HUNDRED + 1
  },
  'somebody presses refund': (doing: Doing) => within(doing, () => refund(doing)),
  'somebody presses refund twice at once': (doing: Doing) =>
    within(doing, () => Promise.all([refund(doing), refund(doing)])),
  'HighLevel’s calls are lost after their effect from now on': (doing: Doing) =>
    within(doing, async ({ world }) => void (world.highlevel.caller.switches.loseAnswers = true)),
  'HighLevel calls twice from now on': (doing: Doing) =>
    within(doing, async ({ world }) => void (world.highlevel.caller.switches.double = true)),
  'HighLevel’s calls are good again': (doing: Doing) =>
    within(doing, async ({ world }) => calm(world)),
}

/** The network between HighLevel and the bridge is well again. */
export function calm({ highlevel }: Paying['world']) {
  Object.assign(highlevel.caller.switches, { loseAnswers: false, loseCalls: false, double: false })
}
