import { randomBytes } from 'node:crypto'

const ID_BYTES = 13
const ORDER_ID = /^ord_[0-9a-f]{26}$/

export const newOrderId = () => `ord_${randomBytes(ID_BYTES).toString('hex')}`

/** Whether it can be an order's id, and so no invoice's. */
export const isOrderId = (text: string) => ORDER_ID.test(text)

/** The ids of all orders begin so, and no invoice's does. */
export const ORDER_PREFIX = 'ord_'
