import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  createNameResolver,
  parseHosts,
} from '../../../../../src/proxy/upstream/resolution/name-resolver.ts'
import { startResolver, upstreamAnswer } from '../../../../support/dns.ts'

t.test('the hosts file is read as hosts(5) says', async t => {
  const text = [
    '127.0.0.1 localhost # ourselves',
    '::1 localhost',
    '#10.0.0.1 off.example',
    '10.0.0.2\tAPI.example api',
    '10.0.0.3 api.example',
    'nonsense api.example',
    'fd00::1 six.example',
  ].join('\n')
  t.same(parseHosts(text, 'localhost'), ['127.0.0.1'])
  t.same(parseHosts(text, 'api.example'), ['10.0.0.2', '10.0.0.3'])
  t.same(parseHosts(text, 'six.example'), ['fd00::1'])
  t.same(parseHosts(text, 'off.example'), [])
})

t.test('a name is looked up in the hosts file, then by DNS, with its TTL', async t => {
  const { address, queries } = await startResolver(t, query => upstreamAnswer(query, '192.0.2.1'))
  const hostsFile = join(t.testdir(), 'hosts')
  writeFileSync(hostsFile, '10.0.0.1 written.example\n')
  const { resolve, close } = createNameResolver({ servers: [address], hostsFile })
  t.teardown(close)
  t.same(await resolve('written.example'), { addresses: ['10.0.0.1'] })
  t.same(await resolve('10.9.9.9'), { addresses: ['10.9.9.9'] })
  t.equal(queries.length, 0)
  t.same(await resolve('api.example'), { addresses: ['192.0.2.1'], ttlMs: 60_000 })
})

t.test('where no resolver is left, that is said', async t => {
  const { resolve, close } = createNameResolver({ servers: [], hostsFile: '/nowhere' })
  t.teardown(close)
  await t.rejects(resolve('api.example'), /set dns.upstreams/)
})
