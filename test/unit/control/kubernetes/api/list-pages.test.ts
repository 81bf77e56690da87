import t from 'tap'
import {
  KubernetesError,
  type KubernetesRequest,
} from '../../../../../src/control/kubernetes/api/kubernetes-api.ts'
import { currentVersion, listPages } from '../../../../../src/control/kubernetes/api/list-pages.ts'

const { signal } = new AbortController()

/** A server of `names`, which answers with at most `most` at a time, or with an error. */
function listOf(names: readonly string[], most = Number.POSITIVE_INFINITY) {
  const limits: number[] = []
  const request = async ({ path }: KubernetesRequest): Promise<unknown> => {
    const { searchParams: query } = new URL(path, 'http://api')
    const limit = Number(query.get('limit'))
    limits.push(limit)
    const start = Number(query.get('continue') ?? 0)
    const items = names.slice(start, start + limit)
    if (items.length > most)
      throw new KubernetesError('more than it takes', { reason: 'AnswerTooLarge' })
    const metadata = {
      resourceVersion: '7',
      ...(start + limit < names.length && { continue: String(start + limit) }),
    }
    const objects = items.map(name => ({ metadata: { name, resourceVersion: '1' } }))
    return { kind: 'NodeList', apiVersion: 'v1', metadata, items: objects }
  }
  return { limits, api: { request } }
}

async function namesFrom(api: { request: (request: KubernetesRequest) => Promise<unknown> }) {
  const names: string[] = []
  let malformed = 0
  for await (const page of listPages({ api, path: '/p', what: 'Nodes', selectors: {}, signal })) {
    names.push(...page.items.map(({ metadata }) => metadata.name))
    malformed += page.malformed
  }
  return { names, malformed }
}

const names = Array.from({ length: 40 }, (_, index) => `n${index}`)

t.test('a page that is too large is asked for again with half as many', async t => {
  const { limits, api } = listOf(names, 20)
  t.strictSame((await namesFrom(api)).names, names)
  t.strictSame(limits, [500, 250, 125, 63, 32, 16, 16, 16])
})

t.test('one object that is too large fails the list', async t => {
  const { limits, api } = listOf(names, 0)
  await t.rejects(namesFrom(api), /more than it takes/)
  t.equal(limits.at(-1), 1)
})

t.test('a list without an end is given up', async t => {
  const request = async () => ({ metadata: { resourceVersion: '1', continue: 'x' }, items: [] })
  await t.rejects(namesFrom({ request }), /the list of Nodes has no end after 1000 pages/)
})

t.test('items say of what kind they are, as in a watch', async t => {
  const { api } = listOf(['a'])
  for await (const { items } of listPages({
    api,
    path: '/p',
    what: 'Nodes',
    selectors: {},
    signal,
  }))
    t.match(items, [{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } }])
})

t.test('items without a name or a version are left out and counted', async t => {
  const metadata = { resourceVersion: '1' }
  const items = [null, 1, {}, { metadata: null }, { metadata }, { metadata: { name: 'a' } }]
  const good = { metadata: { name: 'b', resourceVersion: '1' } }
  const request = async () => ({ metadata, items: [...items, good] })
  t.strictSame(await namesFrom({ request }), { names: ['b'], malformed: items.length })
})

t.test('what is no list is said to be none', async t => {
  for (const answer of [undefined, 'x', {}, { metadata: {} }, { metadata: null, items: [] }])
    await t.rejects(namesFrom({ request: async () => answer }), /something else than a list/)
})

t.test('the version of now costs one item', async t => {
  const { limits, api } = listOf(names)
  const request = { api, path: '/p', what: 'Nodes', selectors: {}, signal }
  t.equal(await currentVersion(request), '7')
  t.strictSame(limits, [1])
})
