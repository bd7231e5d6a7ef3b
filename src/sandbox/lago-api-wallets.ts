import { Hono } from 'hono'
import { answer, readRoot } from './lago-answer.ts'
import { paginate, readQuery } from './lago-query.ts'
import { notFound } from './lago-refusal.ts'
import type { LagoWorld } from './lago-store.ts'
import { showTransaction, showWallet } from './lago-top-ups.ts'
import { createWallet, getWallet, topUp } from './lago-wallets.ts'

/** `/wallets`, and the transactions of one. */
export function lagoWallets(world: LagoWorld) {
  return new Hono()
    .post('/', async (c) => {
      return answer({ wallet: showWallet(createWallet(world, await readRoot(c, 'wallet'))) })
    })
    .get('/:id', (c) => answer({ wallet: showWallet(getWallet(world, c.req.param('id'))) }))
    .get('/:id/wallet_transactions', (c) => {
      const wallet = getWallet(world, c.req.param('id'))
      const query = readQuery(c.req.url)
      const [status, kind] = [query.one('status'), query.one('transaction_status')]
      const transactions = [...world.store.walletTransactions.values()]
        .filter((transaction) => transaction.wallet === wallet)
        .filter((transaction) => status === undefined || transaction.status === status)
        .filter((transaction) => kind === undefined || transaction.transaction_status === kind)
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
