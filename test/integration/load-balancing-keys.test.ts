import t from 'tap'
import { call, eventually } from '../support/mesh.ts'
import { ordersOf, startReplicas } from '../support/replicas.ts'

for (const policy of ['ring-hash', 'maglev'] as const)
  t.test(`${policy}: a key stays at its instance, also when another one goes`, async t => {
    const hashOn = [{ header: 'X-User' }, { query: 'user' }]
    const { port, client, replicas } = await startReplicas(
      t,
      { loadBalancing: { policy, hashOn } },
      [{}, {}, {}],
    )
    const users = Array.from({ length: 30 }, (_, user) => `user-${user}`)
    const placeOf = async (user: string): Promise<string> =>
      (await call(port, { headers: { 'x-user': user } })).body
    const homes = new Map<string, string>()
    for (const user of users) homes.set(user, await placeOf(user))
    t.equal(new Set(homes.values()).size, 3, 'keys are spread')
    for (const user of users) t.equal(await placeOf(user), homes.get(user))
    const byQuery = await call(port, { path: `/?a=1&user=${users[0]}` })
    t.equal(
      byQuery.body,
      homes.get(users[0] ?? ''),
      'where there is no header the parameter counts',
    )
    await replicas[1]?.leave()
    await eventually(
      () => ordersOf(client),
      ({ endpoints }) => endpoints.length === 2,
    )
    const others = users.filter(user => homes.get(user) !== 'orders-1')
    const stayed = []
    for (const user of others) if ((await placeOf(user)) === homes.get(user)) stayed.push(user)
    // Maglev moves a few of the others as well.
    t.ok(stayed.length >= (policy === 'ring-hash' ? others.length : others.length - 5))
    for (const user of users) t.not(await placeOf(user), 'orders-1')
  })

t.test('a caller without the cookie is given one, and stays where it leads', async t => {
  const hashOn = [{ cookie: { name: 'place', ttl: '1h' } }]
  const { port } = await startReplicas(t, { loadBalancing: { policy: 'maglev', hashOn } }, [
    {},
    {},
    {},
  ])
  const places = new Set<string>()
  for (let caller = 0; caller < 40; caller++) {
    const first = await call(port)
    const [setCookie = ''] = first.headers['set-cookie'] ?? []
    t.match(setCookie, /^place=[0-9a-f]{16}; Max-Age=3600; Path=\/; HttpOnly$/)
    places.add(first.body)
    const [cookie = ''] = setCookie.split(';')
    const next = await call(port, { headers: { cookie: `other=1; ${cookie}` } })
    t.equal(next.body, first.body)
    t.equal(next.headers['set-cookie'], undefined)
  }
  t.equal(places.size, 3)
})
