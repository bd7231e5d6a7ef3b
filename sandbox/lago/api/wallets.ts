import { Hono } from 'hono'
import { answer, readRoot } from './answer.ts'
import { getCustomer } from '../store/customers.ts'
import { paginate, readQuery } from './query.ts'
import { notFound } from '../store/refusal.ts'
import type { LagoWorld } from '../store/store.ts'
import { showTransaction, showWallet } from '../store/top-ups.ts'
import { createWallet, getWallet, terminateWallet, topUp } from '../store/wallets.ts'

const FILTERS = ['status', 'transaction_type', 'transaction_status'] as const

/** `/wallets`, and the transactions of one. */
export function lagoWallets(world: LagoWorld) {
  return new Hono()
    .post('/', async (c) => {
      return answer({ wallet: showWallet(createWallet(world, await readRoot(c, 'wallet'))) })
    })
    .get('/', (c) => {
      const query = readQuery(c.req.url)
      const customer = getCustomer(world, query.one('external_customer_id'))
      const wallets = [...world.store.wallets.values()].filter((one) => one.customer === customer)
      const { rows, meta } = paginate(query, wallets.toReversed())
      return answer({ wallets: rows.map(showWallet), meta })
    })
    .delete('/:id', (c) =>
      answer({ wallet: showWallet(terminateWallet(world, c.req.param('id'))) }),
    )
    .get('/:id', (c) => answer({ wallet: showWallet(getWallet(world, c.req.param('id'))) }))
    .get('/:id/wallet_transactions', (c) => {
      const wallet = getWallet(world, c.req.param('id'))
      const query = readQuery(c.req.url)
      const metadata = [...query.hash('metadata')]
      const transactions = [...world.store.walletTransactions.values()]
        .filter((transaction) => transaction.wallet === wallet)
        .filter((transaction) =>
          FILTERS.every((name) => {
            const wanted = query.one(name)
            return wanted === undefined || transaction[name] === wanted
          }),
        )
        .filter((transaction) =>
          metadata.every(([key, value]) =>
            transaction.metadata.some((pair) => pair.key === key && pair.value === value),
          ),
        )
        .toReversed()
      const { rows, meta } = paginate(query, transactions)
      return answer({ wallet_transactions: rows.map(showTransaction), meta })
    })
}

/** `/wallet_transactions`. */
export function lagoWalletTransactions(world: LagoWorld) {
  return new Hono()
    .post('/', async (c) => {
      const transactions = topUp(world, await readRoot(c, 'wallet_transaction'))
      return answer({ wallet_transactions: transactions.map(showTransaction) })
    })
    .get('/:id', (c) => {
      const transaction = world.store.walletTransactions.get(c.req.param('id'))
      if (!transaction) throw notFound('wallet_transaction')
      return answer({ wallet_transaction: showTransaction(transaction) })
    })
}
