import fc from 'fast-check'
import t from 'tap'
import { ServiceAddresses } from '../../../../src/proxy/dns/service-addresses.ts'
import { meetingNames } from './services.ts'

t.test('an address follows from the name alone, release after release', async t => {
  const addresses = new ServiceAddresses()
  // Fixed: a change of the hash would move every service of every mesh.
  t.equal(addresses.assign('orders.default'), '127.109.233.36')
  t.equal(new ServiceAddresses().assign('orders.default'), addresses.get('orders.default'))
})

t.test('addresses lie in 127.64.0.0/10 and look like those of hosts', async t => {
  const addresses = new ServiceAddresses()
  for (let count = 0; count < 2000; count++) {
    const [first, second = 0, , fourth = 0] =
      addresses.assign(`service-${count}.default`)?.split('.').map(Number) ?? []
    if (first !== 127 || second < 64 || second > 127 || fourth < 1 || fourth > 254)
      t.fail(String(addresses.get(`service-${count}.default`)))
  }
})

t.test('two names whose hashes meet have two addresses, as long as both are there', async t => {
  const [first, second] = meetingNames()
  const addresses = new ServiceAddresses()
  const shared = addresses.assign(first)
  const next = addresses.assign(second)
  t.not(next, shared)
  addresses.release(first)
  t.equal(addresses.get(second), next)
  t.equal(addresses.assign(first), shared)
})

t.test('what is avoided or taken makes way for the next candidate', async t => {
  const first = new ServiceAddresses().assign('a.default') ?? ''
  const addresses = new ServiceAddresses()
  const second = addresses.assign('a.default', new Set([first]))
  t.not(second, first)
  t.equal(addresses.get('a.default'), second)
  addresses.release('a.default')
  t.equal(addresses.get('a.default'), undefined)
  t.equal(addresses.assign('a.default'), first)
})

t.test('no two have the same, and who stays keeps its own, whoever joins and leaves', async () => {
  // Few names and an avoided set force meetings that hashes alone would bring once in a million.
  const name = fc.integer({ min: 0, max: 30 }).map(number => `s${number}`)
  const step = fc.record({ name, joins: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), steps => {
      const addresses = new ServiceAddresses()
      const model = new Map<string, string>()
      for (const { name, joins } of steps) {
        if (!joins) {
          addresses.release(name)
          model.delete(name)
        } else if (!model.has(name)) model.set(name, addresses.assign(name) ?? '')
        for (const [known, address] of model)
          if (addresses.get(known) !== address) throw new Error(`${known} has moved`)
        if (new Set(model.values()).size !== model.size) throw new Error('one address for two')
      }
    }),
  )
})
