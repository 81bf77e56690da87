import t from 'tap'
import { murmur3 } from '../../../../src/balancing/hashing/murmur3.ts'
import { HeaderList } from '../../../../src/http/headers.ts'
import type { Cluster } from '../../../../src/model/cluster.ts'
import { RequestSelector } from '../../../../src/proxy/upstream/request-selector.ts'
import { clusterPolicy } from '../../../support/policies.ts'
import { requestHead } from '../../../support/requests.ts'

const caller = { remoteAddress: '10.0.0.7' }

function selectorOf(policy: Partial<Cluster>) {
  const selector = RequestSelector.for(clusterPolicy(policy), () => 0.5)
  if (selector === undefined) throw new Error('there must be one')
  return selector
}

function select(policy: Partial<Cluster>, headers: [string, string][] = [], path = '/') {
  const list = new HeaderList()
  for (const [name, value] of headers) list.append(name, value)
  return selectorOf(policy).select(requestHead({ path, headers: list }), caller)
}

t.test('a cluster that chooses by nothing of a request has none', async t => {
  t.equal(
    RequestSelector.for(clusterPolicy(), () => 0),
    undefined,
  )
})

t.test('the first source that the request has is its key', async t => {
  const hashOn: Cluster['hashOn'] = [
    { kind: 'header', name: 'x-user' },
    { kind: 'query', name: 'user' },
    { kind: 'source', name: '' },
  ]
  const both = select({ hashOn }, [['X-User', 'ann']], '/?user=bob')
  t.equal(both.hash, murmur3('ann'))
  t.equal(select({ hashOn }, [], '/a?x=1&user=bob').hash, murmur3('bob'))
  t.equal(select({ hashOn }, [], '/a?x=1').hash, murmur3('10.0.0.7'))
  t.equal(select({ hashOn: hashOn.slice(0, 2) }).hash, undefined)
})

t.test('a cookie is found among others, in one field or in several', async t => {
  const hashOn: Cluster['hashOn'] = [{ kind: 'cookie', name: 'place' }]
  t.equal(select({ hashOn }, [['cookie', 'xplace=1; place=a=b; place=2']]).hash, murmur3('a=b'))
  const fields: [string, string][] = [
    ['cookie', 'a=1'],
    ['cookie', 'place=2'],
  ]
  t.equal(select({ hashOn }, fields).hash, murmur3('2'))
  t.equal(select({ hashOn }, [['cookie', 'place']]).hash, undefined)
})

t.test('a cookie with a lifetime is made where there is none, and is the key at once', async t => {
  const made = select({ hashOn: [{ kind: 'cookie', name: 'place', ttlMs: 1500 }] })
  t.equal(made.setCookie, 'place=8000000080000000; Max-Age=2; Path=/; HttpOnly')
  t.equal(made.hash, murmur3('8000000080000000'))
  const session = select({ hashOn: [{ kind: 'cookie', name: 'place', ttlMs: 0 }] })
  t.equal(session.setCookie, 'place=8000000080000000; Path=/; HttpOnly')
  const none = select({ hashOn: [{ kind: 'cookie', name: 'place' }] })
  t.strictSame([none.hash, none.setCookie], [undefined, undefined])
})

t.test('a subset is the value of its header', async t => {
  const subset = { header: 'x-version', label: 'version', fallback: 'any' } as const
  t.equal(select({ subset }, [['x-version', 'v2']]).subset, 'v2')
  t.equal(select({ subset }).subset, undefined)
})
