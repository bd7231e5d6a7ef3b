import { Hono } from 'hono'

import { createBrands } from '../customer/brand.ts'
import { createLook } from '../customer/look.ts'
import type { Deps } from '../deps.ts'
import type { Fetch } from '../vendor-fetch.ts'
import { account } from './account.ts'
import { createAround } from './customer/surroundings.ts'
import { createPayLinks } from './pay-links.ts'
import { FOR_EVER } from './asset.ts'
import { pay } from './pay.ts'

type PagesDeps = Pick<Deps, 'accounts' | 'config' | 'db' | 'queue' | 'now' | 'lago' | 'log'> & {
  fetch?: Fetch
}

/** Everything that customers see of us. */
export function customerPages(deps: PagesDeps) {
  const { config, db } = deps
  const brands = createBrands({ ...deps, fetch: deps.fetch ?? globalThis.fetch })
  const look = createLook(config.customers.color)
  const around = createAround({ config, db, brands, look })
  const links = createPayLinks(deps)
  const app = new Hono()
    .get('/assets/customer.css', (c) =>
      c.body(look.css, 200, {
        'Content-Type': 'text/css; charset=utf-8',
        'Cache-Control': FOR_EVER,
      }),
    )
    .get('/assets/logo/:entity', (c) => {
      const logo = brands.logo(c.req.param('entity'))
      if (!logo) return c.notFound()
      return c.body(logo.bytes, 200, { 'Content-Type': logo.type, 'Cache-Control': FOR_EVER })
    })
    .route('/pay', pay({ ...deps, links, around }))
    .route('/account', account({ ...deps, links, around }))
  return { app, around }
}
