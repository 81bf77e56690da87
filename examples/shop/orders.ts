// Knows the orders and asks `payments` whether they are paid. `$VERSION` tells two releases apart.
import { addressOf, ask, serve } from './service.ts'

const payments = addressOf('PAYMENTS_URL')
const version = process.env['VERSION'] ?? 'v1'
const goods = ['linen', 'wool', 'silk', 'cotton']

serve('orders', async ({ path, headers }) => {
  if (path === '/') return { status: 200, body: { service: 'orders', version, try: '/orders/7' } }
  const id = /^\/orders\/(\d+)$/.exec(path)?.[1]
  if (id === undefined)
    return { status: 404, body: { service: 'orders', version, error: `no such page: ${path}` } }
  const item = goods[Number(id) % goods.length]
  // The second release counts the pieces too.
  const order = version === 'v1' ? { id, item } : { id, item, pieces: (Number(id) % 9) + 1 }
  const payment = await ask(`${payments}/payments/${id}`, headers)
  return { status: 200, body: { service: 'orders', version, ...order, payment } }
})
