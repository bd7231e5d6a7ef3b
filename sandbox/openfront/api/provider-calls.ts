import type { Caller } from '../../kit/caller.ts'
import { providerBody } from '../store/bodies.ts'
import { OpenfrontRefusal } from '../store/refusal.ts'
import type { Behaviour, CallProvider } from '../store/world.ts'

const WITH_WEBHOOK_FUNCTION = new Set(['handleWebhookFunction', 'capturePaymentFunction'])
const IS_ADDRESS = /^http/

/**
 * Calls a provider as the shop's dispatcher does: a POST of JSON without signature, deadline or retry, whose
 * body is thrown away unless the status is a 2xx.
 */
export function createProviderCalls(caller: Caller, behaviour: Behaviour): CallProvider {
  return async function callProvider(provider, name, args) {
    const target = provider[name]
    // Anything else is the name of a module of the shop, and the built-in ones answer without a network.
    if (!IS_ADDRESS.test(target)) return { status: 'pending', data: {} }

    const body = providerBody({ behaviour }, provider, WITH_WEBHOOK_FUNCTION.has(name))
    const { response, text } = await caller.post(target, { provider: body, ...args })
    if (!response.ok) throw new OpenfrontRefusal(`HTTP request failed: ${response.statusText}`)
    if (text === '' && response.status !== 204 && behaviour.runtime === 'bun') return null
    return JSON.parse(text) as unknown
  }
}
