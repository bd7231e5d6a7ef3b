/** Which address of ours stands in which field (openfront `features/keystone/models/PaymentProvider.ts`). */
const FUNCTIONS = {
  createPaymentFunction: 'create-payment',
  capturePaymentFunction: 'capture-payment',
  refundPaymentFunction: 'refund-payment',
  getPaymentStatusFunction: 'get-payment-status',
  generatePaymentLinkFunction: 'generate-payment-link',
  handleWebhookFunction: 'handle-webhook',
} as const

/** The payment provider as a shop's owner pastes it. Everybody who may read payments there sees the key. */
export function providerRecord(options: {
  publicUrl: string
  apiKey: string
  mode: 'test' | 'live'
}) {
  const { publicUrl, apiKey, mode } = options
  const addresses = Object.entries(FUNCTIONS).map(([name, route]) => [
    name,
    `${publicUrl}/api/${route}`,
  ])
  return {
    name: 'Dodo Payments',
    code: 'pp_dodo',
    isInstalled: true,
    credentials: { apiKey, environment: mode === 'test' ? 'sandbox' : 'live' },
    ...(Object.fromEntries(addresses) as Record<keyof typeof FUNCTIONS, string>),
  }
}
