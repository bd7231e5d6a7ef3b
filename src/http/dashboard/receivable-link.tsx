/** @jsxImportSource hono/jsx */
import { Link } from './kit.tsx'
import { inPath } from './query.ts'

const PAGES = {
  invoice: 'invoices',
  payment_request: 'payment-requests',
  selection: 'payment-requests',
  order: 'orders',
} as const
type Kind = keyof typeof PAGES

/** The page of an invoice, a payment request or an order. */
export const pathOfReceivable = (kind: Kind, id: string) => `/${PAGES[kind]}/${inPath(id)}`

export function ReceivableLink(props: {
  receivableId: string | null
  kind: Kind | null
  number: string | null
}) {
  const { receivableId, kind, number } = props
  if (receivableId === null || kind === null) return <>none that the bridge knows</>
  return <Link to={pathOfReceivable(kind, receivableId)}>{number ?? receivableId}</Link>
}
