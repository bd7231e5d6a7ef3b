import { Webhook } from 'standardwebhooks'

/** The headers of a delivery, as Dodo's sender signs it. */
export const sign = ({
  secret,
  id,
  at,
  body,
}: {
  secret: string
  id: string
  at: Date
  body: string
}) => ({
  'webhook-id': id,
  'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
  'webhook-signature': new Webhook(secret).sign(id, at, body),
})
