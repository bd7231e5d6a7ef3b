import { DEFAULT_ACCOUNT } from './account-key.ts'
import type { Accounts } from './accounts.ts'
import type { Urgency } from './budget.ts'
import type { OnAccount } from './collect/deps.ts'
import type { Biller } from './collect/receivable.ts'
import type { Deps } from './deps.ts'

export function createOnAccount(
  usual: Deps,
  {
    own,
    accounts,
    billerOf,
  }: {
    own: Record<Urgency, Pick<Deps, 'lago' | 'dodo'>>
    accounts: Accounts
    billerOf: (account: string) => Biller
  },
): OnAccount<Deps> {
  return async function onAccount(id, urgency) {
    const { lago, dodo } = own[urgency]
    if (id === DEFAULT_ACCOUNT) return { ...usual, lago, dodo }
    const account = await accounts.of(id)
    return (
      account && { ...usual, account: id, lago, dodo: account.dodo[urgency], biller: billerOf(id) }
    )
  }
}
