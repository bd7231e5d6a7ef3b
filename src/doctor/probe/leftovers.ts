import { field, PROBE_MARK, rowsOf, type Lab } from './lab.ts'

/** Takes up what an earlier run that was killed has left behind, so that it is removed with the rest. */
export async function takeUpLeftovers(lab: Lab): Promise<number> {
  const [products, atDodo, atLago] = [
    await lab.ask('Dodo', 'GET /products?archived=false&page_size=100&page_number=0'),
    await lab.ask('Dodo', 'GET /webhooks?limit=100'),
    await lab.ask('Lago', 'GET /webhook_endpoints?per_page=100&page=1'),
  ]
  const found = [
    ...rowsOf(products, 'items')
      .filter(isOurs)
      .map(
        ({ product_id }) => ({ service: 'Dodo', path: `/products/${String(product_id)}` }) as const,
      ),
    ...rowsOf(atDodo, 'data')
      .filter(isOurs)
      .map(({ id }) => ({ service: 'Dodo', path: `/webhooks/${String(id)}` }) as const),
    ...rowsOf(atLago, 'webhook_endpoints')
      .filter(({ name }) => typeof name === 'string' && name.startsWith(PROBE_MARK))
      .map(
        ({ lago_id }) =>
          ({ service: 'Lago', path: `/webhook_endpoints/${String(lago_id)}` }) as const,
      ),
  ]
  for (const { service, path } of found) lab.made(service, path, `DELETE ${path}`)
  return found.length
}

const isOurs = (row: object) => field(row, 'metadata', 'probe') === PROBE_MARK
