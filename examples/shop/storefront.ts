// What the shopper sees: GET /orders/<id> (or / for order 7) gathers the order from `orders`.
import { addressOf, ask, serve } from './service.ts'

const orders = addressOf('ORDERS_URL')

serve('storefront', async ({ path, headers }) => ({
  status: 200,
  body: {
    service: 'storefront',
    requestId: headers['x-request-id'],
    order: await ask(`${orders}${path === '/' ? '/orders/7' : path}`, headers),
  },
}))
