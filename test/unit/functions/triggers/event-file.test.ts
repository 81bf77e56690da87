import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  fileEvent,
  fingerprint,
  readEventFile,
} from '../../../../src/functions/triggers/event-file.ts'
import { maxEventBytes } from '../../../../src/functions/queue/event-queue.ts'

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-event-file-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  return path
}

const markOf = (path: string, name: string) =>
  fingerprint(name, lstatSync(join(path, name), { bigint: true }))

const eventOf = (name: string, content: string | Buffer) =>
  fileEvent(
    { name, content: Buffer.from(content), changedAt: 0 },
    'id-1',
    '/functions/default/hello',
  )

t.test('a file becomes an event with its content as data', async t => {
  t.strictSame(eventOf('a.json', '\ufeff{"a":1}'), {
    specversion: '1.0',
    id: 'id-1',
    source: '/functions/default/hello',
    type: 'dev.weft.file',
    subject: 'a.json',
    time: '1970-01-01T00:00:00.000Z',
    extensions: new Map(),
    datacontenttype: 'application/json',
    data: { kind: 'json', value: { a: 1 } },
  })
})

t.test('the suffix says what the data is', async t => {
  const dataOf = (name: string, content: string | Buffer) => {
    const event = eventOf(name, content)
    return 'problem' in event ? event.problem : [event.datacontenttype, event.data]
  }
  t.same(dataOf('a.txt', 'é'), ['text/plain', { kind: 'text', text: 'é' }])
  const bytes = Buffer.from([0xff])
  t.same(dataOf('a.txt', bytes), ['application/octet-stream', { kind: 'bytes', bytes }])
  t.same(dataOf('a.bin', '{}'), [
    'application/octet-stream',
    { kind: 'bytes', bytes: Buffer.from('{}') },
  ])
  t.same(dataOf('a.json', 'null'), ['application/json', { kind: 'json', value: null }])
  t.match(dataOf('a.json', '{'), /is no JSON/)
})

t.test('a CloudEvent in a file is that event', async t => {
  const text = JSON.stringify({ specversion: '1.0', id: 'x', source: '/y', type: 'z' })
  for (const name of ['a.cloudevent.json', 'a.json', 'a'])
    t.match(eventOf(name, text), { id: 'x', source: '/y', type: 'z' })
  t.match(eventOf('a.json', '{"specversion":"1.0"}'), { problem: /no id/ })
  t.match(eventOf('a.cloudevent.json', '{}'), { problem: /no specversion/ })
  t.match(eventOf('a.cloudevent.json', 'x'), { problem: /no JSON/ })
})

t.test('a file is read as it was when it was seen, or not at all', async t => {
  const path = folder(t)
  writeFileSync(join(path, 'a'), 'content')
  const mark = markOf(path, 'a')
  t.match(await readEventFile(path, 'a', mark), { name: 'a', content: Buffer.from('content') })
  appendFileSync(join(path, 'a'), '!')
  t.equal(await readEventFile(path, 'a', mark), undefined)
  await t.rejects(readEventFile(path, 'b', mark), { code: 'ENOENT' })
})

t.test('nothing but a file is read, and a pipe does not stop us', async t => {
  const path = folder(t)
  writeFileSync(join(path, 'a'), 'x')
  symlinkSync('a', join(path, 'link'))
  mkdirSync(join(path, 'folder'))
  execFileSync('sh', ['-c', 'mkfifo "$0"', join(path, 'pipe')])
  await t.rejects(readEventFile(path, 'link', ''), { code: 'ELOOP' })
  t.equal(await readEventFile(path, 'folder', ''), undefined)
  t.equal(await readEventFile(path, 'pipe', markOf(path, 'pipe')), undefined)
})

t.test('no more is read than an event may have', async t => {
  const path = folder(t)
  writeFileSync(join(path, 'a'), Buffer.alloc(maxEventBytes + 1))
  const file = await readEventFile(path, 'a', markOf(path, 'a'))
  t.equal(file?.content.length, maxEventBytes)
})

t.test(
  'a file that comes again is another, though its name, size and time are the same',
  async t => {
    const path = folder(t)
    const write = () => {
      writeFileSync(join(path, 'a'), 'x')
      utimesSync(join(path, 'a'), 1, 1)
      return markOf(path, 'a')
    }
    const first = write()
    t.equal(markOf(path, 'a'), first)
    renameSync(join(path, 'a'), join(path, 'b'))
    t.not(write(), first)
  },
)
