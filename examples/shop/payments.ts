// Says whether an order is paid. `FAIL_EVERY=5` makes every fifth answer a 503, for retries to hide.
import { serve } from './service.ts'

const failEvery = Number(process.env['FAIL_EVERY'] ?? 0)
let served = 0

serve('payments', ({ path }) => {
  served++
  if (failEvery > 0 && served % failEvery === 0)
    return { status: 503, body: { service: 'payments', error: 'the bank does not answer' } }
  const id = /^\/payments\/(\d+)$/.exec(path)?.[1]
  if (id === undefined)
    return { status: 404, body: { service: 'payments', error: `no such page: ${path}` } }
  return {
    status: 200,
    body: { service: 'payments', order: id, state: Number(id) % 3 === 0 ? 'open' : 'paid' },
  }
})
