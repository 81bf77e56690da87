// Whatever a runtime does wrong costs what it held, that one instance, and nothing else.
import net from 'node:net'
import t from 'tap'
import { functionLabel } from '../../src/model/function/function.ts'
import { errorTypeOf } from '../support/functions/fault.ts'
import { invoke, startFunctionMesh } from '../support/functions/mesh.ts'
import { badFunctionYaml, startBadMesh } from '../support/functions/node-runtime.ts'
import { eventually, startSidecar } from '../support/mesh.ts'

interface Misdeed {
  readonly name: string
  readonly event: object
  readonly errorType: string
  /** Whether the process is another afterwards. */
  readonly replaced: boolean
}

const misdeeds: readonly Misdeed[] = [
  { name: 'throws', event: { action: 'throw' }, errorType: 'Odd', replaced: false },
  {
    name: 'reports an error that is no document',
    event: { action: 'noDocument' },
    errorType: '',
    replaced: false,
  },
  {
    name: 'exits well',
    event: { action: 'exit', code: 0 },
    errorType: 'Runtime.ExitError',
    replaced: true,
  },
  {
    name: 'exits badly',
    event: { action: 'exit', code: 3 },
    errorType: 'Runtime.ExitError',
    replaced: true,
  },
  { name: 'hangs', event: { action: 'hang' }, errorType: 'Sandbox.Timedout', replaced: true },
  {
    name: 'asks for the next event instead of answering',
    event: { action: 'skip' },
    errorType: 'Sandbox.Timedout',
    replaced: true,
  },
  {
    name: 'breaks its answer off',
    event: { action: 'breakOff' },
    errorType: 'Runtime.TruncatedResponse',
    replaced: false,
  },
  {
    name: 'frames its answer wrongly',
    event: { action: 'badChunk' },
    errorType: 'Runtime.TruncatedResponse',
    replaced: false,
  },
  {
    name: 'never ends its answer',
    event: { action: 'endless' },
    errorType: 'Sandbox.Timedout',
    replaced: true,
  },
  {
    name: 'answers with too much',
    event: { action: 'large', bytes: 6_291_556 },
    errorType: 'Function.ResponseSizeTooLarge',
    replaced: false,
  },
]

t.test('a misdeed costs its own invocation, and no other', async t => {
  const spec = '  timeout: 500ms\n  scale: { max: 3 }'
  const mesh = await startFunctionMesh(
    t,
    { document: badFunctionYaml('echo', spec) },
    badFunctionYaml('other'),
  )
  await startSidecar(t, mesh.mesh, {
    name: 'other',
    labels: { [functionLabel]: 'other' },
    overrides: { hostsFunction: true },
  })
  const { outbound } = mesh.caller.ports
  const other = () => invoke(outbound, 'other', { event: { action: 'sleep', ms: 20 } })
  await eventually(other, ({ status }) => status === 200)
  for (const { name, event, errorType } of misdeeds)
    await t.test(`a runtime that ${name}`, async t => {
      const [bad, ...good] = await Promise.all([
        mesh.invoke(event),
        mesh.invoke({ action: 'sleep', ms: 20 }),
        mesh.invoke({ action: 'sleep', ms: 20 }),
        other(),
      ])
      if (errorType === '') t.equal(bad.headers['x-amz-function-error'], 'Unhandled')
      else t.equal(errorTypeOf(bad), errorType)
      for (const { status, headers, body } of good)
        t.same(
          [status, headers['x-amz-function-error'], /^\d+$/.test(body)],
          [200, undefined, true],
        )
      t.equal((await mesh.invoke('[1]')).body, '[1]')
    })
})

t.test('the process is another only after what breaks it', async t => {
  const mesh = await startBadMesh(t, '  timeout: 400ms\n  scale: { max: 1 }')
  for (const { name, event, replaced } of misdeeds) {
    const before = (await mesh.invoke({ action: 'pid' })).body
    await mesh.invoke(event)
    const after = (await mesh.invoke({ action: 'pid' })).body
    t.match(after, /^\d+$/, name)
    t.equal(after !== before, replaced, name)
  }
})

t.test('of several answers the first counts, and the others are refused', async t => {
  const mesh = await startBadMesh(t, '  scale: { max: 1 }')
  t.equal((await mesh.invoke({ action: 'twice' })).body, '"first"')
  t.equal((await mesh.invoke('1')).body, '1')
  t.equal((await mesh.invoke({ action: 'statuses' })).body, '[202,403,403]')
  t.match((await mesh.invoke({ action: 'both' })).body, /^"o(?:ne|ther)"$/)
  t.equal((await mesh.invoke('1')).body, '1')
})

t.test('an answer to another’s event is refused', async t => {
  const mesh = await startBadMesh(t)
  t.equal((await mesh.invoke({ action: 'otherId' })).body, '[400,400]')
})

t.test('bytes that are no HTTP cost their own connection', async t => {
  const mesh = await startBadMesh(t, '  scale: { max: 1 }')
  const { body } = await mesh.invoke({ action: 'garbage' })
  for (const answer of JSON.parse(body)) t.match(answer, /^(?:HTTP\/1\.1 (?:4|5)|$)/)
  t.equal((await mesh.invoke('1')).body, '1')
})

t.test('a runtime that asks twice at once gets one event at a time', async t => {
  const mesh = await startBadMesh(t, '  scale: { max: 1 }')
  t.equal((await mesh.invoke({ action: 'twoQuestions' })).body, '"asked twice"')
  const calls = Array.from({ length: 6 }, (_, index) => mesh.invoke(index))
  t.same(
    (await Promise.all(calls)).map(({ body }) => body),
    ['0', '1', '2', '3', '4', '5'],
  )
})

t.test('a stream that breaks off is no whole answer, and its instance works on', async t => {
  const mesh = await startBadMesh(t, '  scale: { max: 1 }')
  await t.rejects(mesh.invoke({ action: 'breakStream' }))
  t.equal((await mesh.invoke('1')).body, '1')
  await t.rejects(mesh.invoke({ action: 'stream', megabytes: 21 }))
  t.equal((await mesh.invoke('1')).body, '1')
})

t.test('a caller that stops reading a stream holds its runtime no longer than allowed', async t => {
  const mesh = await startBadMesh(t, '  timeout: 300ms\n  concurrency: 2\n  scale: { max: 1 }')
  const pid = (await mesh.invoke({ action: 'pid' })).body
  const event = JSON.stringify({ action: 'stream', megabytes: 16 })
  const caller = net.connect(mesh.caller.ports.outbound, '127.0.0.1')
  t.teardown(() => caller.destroy())
  caller.on('error', () => {})
  caller.pause()
  caller.write(
    `POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: localhost\r\n` +
      `Content-Length: ${event.length}\r\n\r\n${event}`,
  )
  const { body } = await eventually(
    () => mesh.invoke({ action: 'statuses' }),
    answer => answer.body !== '[]',
  )
  t.equal(body, '[202]')
  t.equal((await mesh.invoke({ action: 'pid' })).body, pid)
})

t.test('a megabyte without a line end is no trouble', async t => {
  const mesh = await startBadMesh(t)
  t.equal((await mesh.invoke({ action: 'shout' })).body, '"shouted"')
  const { headers } = await mesh.invoke({ action: 'shout' }, { 'x-amz-log-type': 'Tail' })
  const log = Buffer.from(String(headers['x-amz-log-result']), 'base64')
  t.equal(log.length, 4096)
})

t.test('a client context that is no text of HTTP reaches the runtime, or is refused', async t => {
  const mesh = await startBadMesh(t, '  scale: { max: 1 }')
  const pid = (await mesh.invoke({ action: 'pid' })).body
  const contexts = ['{"a":"é"}', '{\n "a": 1\n}', '{}\r\nX-Injected: 1', '\u0000', 'no json', '']
  for (const context of contexts) {
    const headers = { 'x-amz-client-context': Buffer.from(context).toString('base64') }
    const { status } = await mesh.invoke({ action: 'pid' }, headers)
    t.ok(status === 200 || status === 400, context)
  }
  t.equal((await mesh.invoke({ action: 'pid' })).body, pid)
})
