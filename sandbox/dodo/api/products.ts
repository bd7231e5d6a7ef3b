import { Hono } from 'hono'
import { ProductCreate, ProductUpdate } from '../store/catalog-requests.ts'
import {
  createProduct,
  findProduct,
  productListItem,
  productView,
  updateProduct,
} from '../store/products.ts'
import type { DodoWorld } from '../store/world.ts'
import { readBody } from './body.ts'
import { answerList } from './lists.ts'

/** What can be sold. Deleting a product only archives it. */
export function products(world: Pick<DodoWorld, 'store' | 'now'>) {
  const { store } = world

  return new Hono()
    .post('/', async (c) => {
      return c.json(productView(createProduct(world, await readBody(c.req, ProductCreate))))
    })
    .get('/', (c) => {
      const archived = c.req.query('archived') === 'true'
      const rows = [...store.products.values()].filter((row) => row.archived === archived)
      const items = answerList(c, rows, {
        archived: () => true,
        brand_id: (row, wanted) => row.brand_id === wanted,
        recurring: (row, wanted) => String(row.is_recurring) === wanted,
      })
      return c.json({ items: items.map(productListItem) })
    })
    .get('/:id', (c) => c.json(productView(findProduct(store, c.req.param('id')))))
    .patch('/:id', async (c) => {
      const { product_id: productId } = findProduct(store, c.req.param('id'))
      updateProduct(world, productId, await readBody(c.req, ProductUpdate))
      return c.body(null, 200)
    })
    .delete('/:id', (c) => {
      findProduct(store, c.req.param('id')).archived = true
      return c.body(null, 200)
    })
    .post('/:id/unarchive', (c) => {
      findProduct(store, c.req.param('id')).archived = false
      return c.body(null, 200)
    })
}
