// The test kit, and by it what a plugin may do. The chains of real sidecars are for test/integration/plugins.test.ts.
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { PluginSettings } from '../../../../src/model/plugin.ts'
import { loadTestPlugin } from '../../../../src/proxy/plugins/testing.ts'
import { testFolder } from '../../../support/test-folder.ts'

const examples = resolve(import.meta.dirname, '../../../../examples/plugins')

function load(t: Test, hooks: string, settings: Partial<PluginSettings> = {}) {
  const path = join(testFolder(t), 'plugin.mjs')
  writeFileSync(
    path,
    `export const apiVersion = 'weft.dev/plugin/v1'\nexport const create = config => (${hooks})`,
  )
  return loadTestPlugin({ path, ...settings })
}

t.test('what it does with headers is seen on both ways', async t => {
  const plugin = await load(
    t,
    `{
  onRequest({ headers, method, path, authority }, { metadata, peerIdentity, direction }) {
    headers.append('X-Seen', [method, path, authority, peerIdentity, direction].join(' '))
    headers.delete('cookie')
    metadata.set('kept', headers.get('x-in') ?? '')
  },
  onResponse({ headers, status }, { metadata }) { headers.set('x-out', status + metadata.get('kept')) },
}`,
  )
  t.match(
    await plugin.request({
      method: 'POST',
      path: '/a',
      headers: { cookie: 'c', 'x-in': 'in' },
      peerIdentity: 'spiffe://a/b',
      answer: { status: 201, headers: { etag: '1' } },
    }),
    {
      forwarded: { headers: { 'x-seen': 'POST /a orders spiffe://a/b inbound', 'x-in': 'in' } },
      status: 201,
      headers: { etag: '1', 'x-out': '201in' },
      reason: undefined,
    },
  )
  t.notOk((await plugin.request({ headers: { cookie: 'c' } })).forwarded?.headers['cookie'])
})

t.test('an answer of its own ends the request, and passes its other hook', async t => {
  const plugin = await load(
    t,
    `{ onRequest(r, context) { context.respond(429, { 'retry-after': '1' }, 'later') },
       onResponse({ headers, reason }) { headers.set('x-by', reason) } }`,
  )
  t.match(await plugin.request(), {
    forwarded: undefined,
    status: 429,
    headers: { 'retry-after': '1', 'x-weft-reason': 'plugin_answered', 'x-by': 'plugin_answered' },
    body: 'later',
    reason: 'plugin_answered',
  })
})

const refusals: readonly (readonly [name: string, body: string, error: RegExp])[] = [
  ['a status that is none', `context.respond(99)`, /99 is no status/],
  ['a switch of protocols', `context.respond(101)`, /101 is no status/],
  ['a body without end', `context.respond(200, {}, 'x'.repeat(65537))`, /over 65536 bytes/],
  ['a header of the sidecar', `context.respond(200, { 'x-weft-reason': 'a' })`, /sidecar's own/],
  ['a line break', `request.headers.set('a', 'b\\r\\nc: d')`, /no header may hold/],
  ['framing', `request.headers.delete('Transfer-Encoding')`, /sidecar's own/],
  ['a field without end', `request.headers.set('a', 'x'.repeat(8193))`, /over 8192/],
  [
    'fields without end',
    `for (let i = 0; i < 300; i++) request.headers.append('a', '')`,
    /200 headers/,
  ],
  [
    'metadata without end',
    `for (let i = 0; i < 33; i++) context.metadata.set('k' + i, '')`,
    /32 entries/,
  ],
  ['a long entry', `context.metadata.set('k', 'x'.repeat(1025))`, /values of 1024/],
]

for (const [name, body, error] of refusals)
  t.test(`refused is ${name}`, async t => {
    const plugin = await load(t, `{ onRequest(request, context) { ${body} } }`)
    t.match(await plugin.request(), { status: 500, reason: 'plugin_failed', forwarded: undefined })
    t.match(plugin.errors, [{ message: error }])
  })

t.test('a promise of onResponse is an error, since nobody can wait there', async t => {
  const plugin = await load(t, `{ async onResponse() {} }`)
  t.match(await plugin.request(), { status: 500, reason: 'plugin_failed' })
  const lenient = await load(t, `{ async onResponse() {} }`, { onError: 'continue' })
  t.match(await lenient.request(), { status: 200, reason: undefined })
})

t.test('what it holds on to is of no use after its hook', async t => {
  const plugin = await load(
    t,
    `{ onRequest(request, context) {
         if (this.held) { this.held.request.headers.set('a', 'b') }
         this.held = { request, context } } }`,
  )
  t.match(await plugin.request(), { status: 200 })
  t.match(await plugin.request(), { status: 500 })
  t.match(plugin.errors, [{ message: /hook of the plugin has ended/ }])
})

t.test('a caller may leave while a promise is pending', async t => {
  const plugin = await load(
    t,
    `{ onRequest: (r, { signal }) => new Promise(done => signal.addEventListener('abort', done)) }`,
    { timeoutMs: 60_000 },
  )
  t.match(await plugin.request({ leaves: true }), {
    status: 0,
    reason: 'downstream_closed',
    forwarded: undefined,
  })
})

t.test('one that need not be there is passed over after many failures in a row', async t => {
  const plugin = await load(
    t,
    `{ onRequest({ headers }) {
         this.calls = (this.calls ?? 0) + 1
         headers.set('x-calls', String(this.calls))
         throw new Error('broken') } }`,
    { onError: 'continue' },
  )
  const seen = []
  for (let sent = 0; sent < 22; sent++)
    seen.push((await plugin.request()).forwarded?.headers['x-calls'])
  t.same(seen.slice(18), ['19', '20', undefined, undefined])
})

t.test('one that must be there is not shut off for all by a caller whom it fails for', async t => {
  const plugin = await load(
    t,
    `{ onRequest({ headers }) { if (headers.has('x-bad')) throw new Error('broken') } }`,
  )
  for (let sent = 0; sent < 25; sent++)
    t.match(await plugin.request({ headers: { 'x-bad': '1' } }), { status: 500 })
  t.match(await plugin.request(), { status: 200 })
})

t.test('failures with successes between them switch nothing off', async t => {
  const plugin = await load(
    t,
    `{ onResponse() { this.count = (this.count ?? 0) + 1; if (this.count % 2) throw new Error('odd') } }`,
  )
  for (let sent = 0; sent < 60; sent++)
    t.equal((await plugin.request()).status, sent % 2 === 0 ? 500 : 200)
})

t.test('what fails after the end of the exchange ends nothing else', async t => {
  const plugin = await load(t, `{ async onComplete() { throw new Error('late') } }`)
  t.match(await plugin.request(), { status: 200, reason: undefined })
  await turn()
  t.match(plugin.errors, [{ message: 'late' }])
})

t.test('the example of request ids', async t => {
  const plugin = await loadTestPlugin({ path: join(examples, 'request-id.ts') })
  const { forwarded, headers } = await plugin.request()
  const id = forwarded?.headers['x-request-id'] ?? ''
  t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(headers['x-request-id'], id)
  t.match(await plugin.request({ headers: { 'x-request-id': 'mine' } }), {
    headers: { 'x-request-id': 'mine' },
  })
  t.match(await plugin.request({ headers: { 'x-request-id': 'x'.repeat(2000) } }), { status: 200 })
})

t.test('the example of signed headers', async t => {
  const keyFile = join(testFolder(t), 'key')
  const path = join(examples, 'header-signer.ts')
  await t.rejects(loadTestPlugin({ path }), /config.keyFile is missing/)
  writeFileSync(keyFile, 'short')
  await t.rejects(loadTestPlugin({ path, config: { keyFile } }), /32 are the least/)
  writeFileSync(keyFile, 'k'.repeat(32))
  const config = { keyFile, headers: ['x-amount', 'x-to'] }
  const signer = await loadTestPlugin({ path, config })
  const verifier = await loadTestPlugin({ path, config: { ...config, verify: true } })
  const sent = { path: '/pay', headers: { 'x-amount': '100', 'x-to': 'bob' } }
  const signed = (await signer.request(sent)).forwarded?.headers ?? {}
  t.match(signed['x-signature'], /^v1=[\w-]{43}$/)
  t.equal((await verifier.request({ ...sent, headers: signed })).status, 200)
  for (const changed of [
    { ...sent, headers: { ...signed, 'x-amount': '999' } },
    { ...sent, headers: { ...signed, 'x-amount': '100x-to', 'x-to': '' } },
    { path: '/pay?to=eve', headers: signed },
    { ...sent, method: 'PUT', headers: signed },
    sent,
    { ...sent, headers: { ...sent.headers, 'x-signature': 'v1=AAAA' } },
  ])
    t.match(await verifier.request(changed), { status: 401, reason: 'plugin_answered' })
})
