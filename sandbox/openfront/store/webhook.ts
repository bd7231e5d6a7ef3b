import { notFound, OpenfrontRefusal } from './refusal.ts'
import {
  PAYMENT_STATUSES,
  type Payment,
  type PaymentProvider,
  type PaymentStatus,
} from './records.ts'
import { newId } from './store.ts'
import type { OpenfrontWorld } from './world.ts'

type Resource = Record<string, unknown> & {
  metadata?: Record<string, unknown>
  last_payment_error?: unknown
}

const SUCCEEDED = /payment_intent\.succeeded|PAYMENT\.CAPTURE\.COMPLETED/
const FAILED = /payment_intent\.payment_failed|PAYMENT\.CAPTURE\.DENIED/

/**
 * The public mutation: whatever a stranger typed goes to the provider with the shop's real credentials, and only
 * `type` and `resource` of the answer are read.
 */
export async function handleProviderWebhook(
  world: OpenfrontWorld,
  { providerId, event, headers }: { providerId: string; event: unknown; headers: unknown },
): Promise<{ success: true }> {
  const { store, callProvider } = world
  const provider = store.providers.get(providerId)
  if (!provider) throw notFound('Payment provider')
  const answer = await callProvider(provider, 'handleWebhookFunction', { event, headers })
  const { type, resource } = (answer ?? {}) as { type?: unknown; resource?: unknown }
  // The code calls `type.match` without a look at what it is.
  if (typeof type !== 'string')
    throw new TypeError("Cannot read properties of undefined (reading 'match')")
  const about = (resource ?? {}) as Resource

  if (SUCCEEDED.test(type)) await onSucceeded(world, provider, about)
  else if (FAILED.test(type)) onFailed(world, about)
  else if (type === 'PAYMENT.AUTHORIZATION.CREATED') onAuthorization(world, about, 'authorized')
  else if (type === 'PAYMENT.AUTHORIZATION.VOIDED') onAuthorization(world, about, 'canceled')
  return { success: true }
}

async function onSucceeded(world: OpenfrontWorld, provider: PaymentProvider, resource: Resource) {
  const { store, callProvider, now } = world
  const paymentId = resource.metadata?.['paymentId'] ?? resource['custom_id']
  if (paymentId) {
    const { amount: given } = resource
    const amount =
      typeof given === 'number'
        ? given
        : Number.parseInt(String(Number((given as { value?: unknown } | null)?.value) * 100), 10)
    const captured = (await callProvider(provider, 'capturePaymentFunction', {
      paymentId: resource['id'],
      amount,
    })) as { status?: unknown; amount?: unknown; data?: unknown } | null
    // Any 2xx is taken for money, whatever else the body says.
    const payment = findPayment(world, paymentId)
    const written = assertWritable(captured ?? {})
    Object.assign(payment, {
      status: written.status,
      capturedAt: now(),
      data: captured?.data ?? {},
    })
    store.captures.push({ id: newId(), paymentId: payment.id, amount: written.amount })
    // A hook of the model makes a second one once the payment belongs to an order.
    if (payment.orderId && payment.status === 'captured')
      store.captures.push({ id: newId(), paymentId: payment.id, amount: payment.amount })
  }
  springOrderTrap(resource)
}

function onFailed(world: OpenfrontWorld, resource: Resource) {
  const paymentId = resource.metadata?.['paymentId'] ?? resource['custom_id']
  if (paymentId) {
    const error = resource.last_payment_error ?? resource['error']
    const data = { ...resource, error }
    Object.assign(findPayment(world, paymentId), { status: 'failed', data })
  }
  springOrderTrap(resource)
}

function onAuthorization(world: OpenfrontWorld, resource: Resource, status: PaymentStatus) {
  const { custom_id: paymentId } = resource
  if (paymentId) findPayment(world, paymentId).status = status
  springOrderTrap(resource)
}

/** The order is updated with a field that does not exist, after all else was written. */
function springOrderTrap(resource: Resource) {
  if (!resource.metadata?.['orderId'] && !resource['custom_id']) return
  throw new OpenfrontRefusal(
    'Variable "$data" got invalid value: Field "paymentStatus" is not defined by type "OrderUpdateInput".',
  )
}

function findPayment({ store }: Pick<OpenfrontWorld, 'store'>, paymentId: unknown): Payment {
  const payment = store.payments.get(String(paymentId))
  if (!payment)
    throw new OpenfrontRefusal('Access denied: You cannot update that Payment - it may not exist')
  return payment
}

/** What GraphQL takes: a word of the enumeration, and an integer of 32 bits. */
function assertWritable({ status, amount }: { status?: unknown; amount?: unknown }) {
  const known = PAYMENT_STATUSES.find((one) => one === status)
  if (!known)
    throw new OpenfrontRefusal(
      `Variable "$data" got invalid value: Value ${JSON.stringify(status)} does not exist in "PaymentStatusType" enum.`,
    )
  if (typeof amount !== 'number' || !Number.isInteger(amount) || Math.abs(amount) > MAX_INT)
    throw new OpenfrontRefusal(
      `Variable "$data" got invalid value: Int cannot represent ${JSON.stringify(amount)}`,
    )
  return { status: known, amount }
}

const MAX_INT = 2_147_483_647
