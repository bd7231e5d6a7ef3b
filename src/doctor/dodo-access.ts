import { ApiError, WrongAddress } from '../errors.ts'
import { describeOtherMode, isOfOtherMode } from '../setup/identify.ts'
import { explainRefusal } from '../setup/explain-refusal.ts'
import { fail, ok, type Check } from './check.ts'
import { areExchanged, EXCHANGED } from './exchanged.ts'

const NEW_KEY = 'create one with write access in Dodo > Developer > API keys'

export const dodoReach: Check = {
  id: 'dodo.reach',
  async run({ products, config }) {
    const startedAt = performance.now()
    const refusal = await products().then(
      () => undefined,
      (error: unknown) => error,
    )
    const ms = Math.round(performance.now() - startedAt)
    if (refusal instanceof WrongAddress) return fail(refusal.remedy, 'leave DODO_API_URL out')
    if (refusal instanceof ApiError && refusal.status === 404)
      return fail(
        `DODO_API_URL is ${config.dodo.url}, and there is no API of Dodo there (404)`,
        'leave DODO_API_URL out',
      )
    if (refusal instanceof ApiError && refusal.status === undefined) throw refusal
    return ok(`${config.dodo.url} answers in ${ms} ms`)
  },
}

export const dodoMode: Check = {
  id: 'dodo.mode',
  needs: ['dodo.reach'],
  async run({ dodo, config, fetch }) {
    try {
      const business = await dodo.findBusiness()
      const whose = business?.business_id ?? 'a business that Dodo does not tell'
      return ok(
        `${config.dodo.environment} mode, ${whose}${business?.name ? ` (${business.name})` : ''}`,
      )
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error
      if (await isOfOtherMode(config.dodo, fetch)) {
        const [evidence = '', fix = ''] = describeOtherMode(config.dodo.environment).split(
          /: (.*)/s,
        )
        return fail(evidence, fix)
      }
      const fix = areExchanged(config) ? EXCHANGED : NEW_KEY
      return fail('Dodo refuses DODO_API_KEY (401): neither mode knows it', fix)
    }
  },
}

export const dodoKey: Check = {
  id: 'dodo.key',
  needs: ['dodo.mode'],
  async run({ dodo }) {
    // An empty cart cannot be bought, and nothing is created; a key that may only read is refused before that is seen.
    const refusal: unknown = await dodo.previewCheckout({ product_cart: [] }).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (refusal instanceof ApiError && refusal.code === 'MERCHANT_NOT_LIVE')
      return fail(explainRefusal(refusal), 'finish the approval in Dodo, or collect in test mode')
    const isReadOnly = refusal instanceof ApiError && [401, 403].includes(refusal.status ?? 0)
    if (isReadOnly) return fail('DODO_API_KEY may only read: nothing can be collected', NEW_KEY)
    if (refusal instanceof ApiError && refusal.outcome === 'unknown') throw refusal
    return ok('reads and writes')
  },
}
