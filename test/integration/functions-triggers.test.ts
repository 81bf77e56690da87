import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { monotonicNow, wallNow } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { readHttp, toHttpBinary, type CloudEvent } from '../../src/functions/payload/cloud-event.ts'
import { EventDirectory } from '../../src/functions/triggers/event-directory.ts'
import { Schedule } from '../../src/functions/triggers/schedule.ts'
import type { Emit } from '../../src/functions/triggers/trigger.ts'
import { eventually } from '../support/mesh.ts'

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-triggers-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const surroundings = (emit: Emit) => ({
  namespace: 'default',
  functionName: 'hello',
  emit,
  logger: silentLogger,
  now: monotonicNow,
  wallNow,
  random: () => 0,
})

/** A host whose queue is a file of keys, and which stands still when the tenth is in it. */
const doomedHost = `
const [directory, journal, root] = process.argv.slice(1)
const { appendFileSync } = await import('node:fs')
const { EventDirectory } = await import(root + 'src/functions/triggers/event-directory.ts')
const ignore = () => {}
let count = 0
new EventDirectory({
  spec: { name: 'inbox', directory, settleMs: 10 },
  namespace: 'default',
  functionName: 'hello',
  emit: async (_event, key) => {
    appendFileSync(journal, key + '\\n')
    if (++count < 10) return
    console.log('here')
    await new Promise(ignore)
  },
  logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  now: () => performance.now(),
  wallNow: () => Date.now(),
  random: () => 0,
}).start()
`

t.test('a host that is killed between queue and folder loses no file, and repeats one', async t => {
  const root = folder(t)
  const [directory, journal] = [join(root, 'events'), join(root, 'journal')]
  mkdirSync(directory)
  for (let i = 0; i < 30; i++) writeFileSync(join(directory, `f${i}`), `${i}`)
  const repository = new URL('../../', import.meta.url).href
  const options = ['--input-type=module', '--no-warnings', '-e', doomedHost]
  const host = spawn(process.execPath, [...options, directory, journal, repository], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(host.stdout, 'data')
  host.kill('SIGKILL')
  await once(host, 'exit')
  t.equal(readdirSync(directory).length, 21)
  const before = readFileSync(journal, 'utf8').trim().split('\n')

  const keys: string[] = []
  const trigger = new EventDirectory({
    ...surroundings(async (_event, key) => void keys.push(key)),
    spec: { name: 'inbox', directory, settleMs: 10 },
  })
  trigger.start()
  await eventually(
    () => readdirSync(directory).length,
    left => left === 0,
  )
  await trigger.close()
  t.same(
    keys.filter(key => before.includes(key)),
    before.slice(-1),
  )
  t.equal(new Set([...before, ...keys]).size, 30)
})

t.test('two hosts run one schedule, and their queue takes each run once', async t => {
  const queue = new Map<string, CloudEvent>()
  let emitted = 0
  const emit: Emit = async (event, key) => {
    emitted++
    queue.set(key, event)
  }
  const spec = { name: 'tick', cron: '* * * * * *' }
  const hosts = [1, 2].map(() => new Schedule({ ...surroundings(emit), spec }))
  for (const host of hosts) host.start()
  await eventually(
    () => emitted,
    count => count >= 4,
  )
  for (const host of hosts) await host.close()
  t.equal(queue.size, 2)
  const times = [...queue.values()].map(({ time = '' }) => Date.parse(time))
  t.equal(times[1]! - times[0]!, 1000)
  t.equal(times[0]! % 1000, 0)
})

t.test('an event goes over real HTTP in binary mode as it was', async t => {
  const sent: CloudEvent = {
    specversion: '1.0',
    id: '100% "quoted" € 😀',
    source: '/functions/default/hello',
    type: 'dev.weft.file',
    subject: ' spaces ',
    datacontenttype: 'application/json',
    extensions: new Map([['traceparent', '00-1-2-03']]),
    data: { kind: 'json', value: { a: ['é'] } },
  }
  const read = async (request: http.IncomingMessage): Promise<ReturnType<typeof readHttp>> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const pairs = Object.entries(request.headersDistinct).flatMap(([name, values = []]) =>
      values.map(value => [name, value] as const),
    )
    return readHttp(pairs, Buffer.concat(chunks))
  }
  let received: Promise<unknown> = Promise.resolve()
  const server = http.createServer((request, response) => {
    received = read(request).finally(() => response.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const { headers, body } = toHttpBinary(sent)
  const request = http.request({ port, method: 'POST', headers: Object.fromEntries(headers) })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.resume()
  t.strictSame(await received, sent)
})
