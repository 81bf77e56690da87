import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { monotonicNow, wallNow } from '../../../../src/base/clock.ts'
import type { CloudEvent } from '../../../../src/functions/payload/cloud-event.ts'
import {
  EventDirectory,
  type EventDirectoryOptions,
} from '../../../../src/functions/triggers/event-directory.ts'
import type { EventDirectorySpec } from '../../../../src/model/function/function-events.ts'
import { eventually } from '../../../support/mesh.ts'

const until = async (condition: () => boolean) => eventually(condition, Boolean)

interface Emitted {
  readonly event: CloudEvent
  readonly key: string
}

/** A folder, the trigger that looks after it, and a queue. */
class World {
  readonly root = mkdtempSync(join(tmpdir(), 'weft-event-directory-'))
  readonly path = join(this.root, 'events')
  readonly emitted: Emitted[] = []
  readonly said: string[] = []
  queue: (emitted: Emitted) => Promise<void> = async () => {}
  readonly trigger: EventDirectory
  readonly #t: Test

  constructor(t: Test, spec: Partial<EventDirectorySpec> = {}) {
    this.#t = t
    t.teardown(() => rmSync(this.root, { recursive: true, force: true }))
    this.trigger = this.another(spec)
  }

  another(spec: Partial<EventDirectorySpec> = {}): EventDirectory {
    const say = (fields: object, message: string): void => {
      const file = (fields as { file?: string }).file
      this.said.push(
        message.slice('event directory: '.length) + (file === undefined ? '' : `: ${file}`),
      )
    }
    const options: EventDirectoryOptions = {
      spec: { name: 'inbox', directory: this.path, settleMs: 10, rescanMs: 40, ...spec },
      namespace: 'default',
      functionName: 'hello',
      emit: async (event, key) => {
        this.emitted.push({ event, key })
        await this.queue({ event, key })
      },
      logger: { debug: say, info: say, warn: say, error: say },
      now: monotonicNow,
      wallNow,
      random: () => 0,
    }
    const trigger = new EventDirectory(options)
    this.#t.teardown(async () => trigger.close())
    return trigger
  }

  async started(): Promise<this> {
    this.trigger.start()
    await until(() => existsSync(this.path))
    return this
  }

  write(name: string, content: string | Buffer = name): void {
    const draft = join(this.path, `.${name.slice(0, 100)}`)
    writeFileSync(draft, content)
    renameSync(draft, join(this.path, name))
  }

  files(folder = '.'): readonly string[] {
    const path = join(this.path, folder)
    return existsSync(path)
      ? readdirSync(path)
          .filter(name => !name.startsWith('.'))
          .toSorted()
      : []
  }

  async emptied(): Promise<void> {
    await until(() => this.files().length === 0)
  }

  get subjects(): readonly string[] {
    return this.emitted.map(({ event }) => event.subject ?? '').toSorted()
  }
}

t.test('each file is one event, and is gone when the queue has it', async t => {
  const world = await new World(t).started()
  world.write('a.txt', 'hello')
  world.write('b.cloudevent.json', '{"specversion":"1.0","id":"7","source":"/x","type":"y"}')
  await world.emptied()
  const [a, b] = world.emitted.toSorted((one, other) =>
    one.event.type.localeCompare(other.event.type),
  )
  t.match(a?.event, {
    type: 'dev.weft.file',
    source: '/functions/default/hello',
    subject: 'a.txt',
    id: a?.key,
    data: { kind: 'text', text: 'hello' },
  })
  t.match(a?.key, /^inbox-[0-9a-f]{32}$/)
  t.match(b?.event, { id: '7', source: '/x', type: 'y' })
  t.match(b?.key, /^inbox-[0-9a-f]{32}$/)
  t.same(world.trigger.counters, { fired: 2, failed: 0, missed: 0 })
})

t.test('files that were there before the start are events too', async t => {
  const world = new World(t, { after: 'keep' })
  mkdirSync(world.path)
  world.write('a')
  await world.started()
  await until(() => world.files('.done').length === 1)
  t.same(world.subjects, ['a'])
  t.same(world.files(), [])
})

t.test('a file stays until the queue has its event, and is offered again', async t => {
  const world = await new World(t).started()
  let refusals = 1
  world.queue = async () => {
    t.same(world.files(), ['a'])
    if (refusals-- > 0) throw new Error('full')
  }
  world.write('a')
  await world.emptied()
  t.equal(world.emitted.length, 2)
  t.equal(world.emitted[0]?.key, world.emitted[1]?.key)
  t.same(world.trigger.counters, { fired: 1, failed: 1, missed: 0 })
  t.same(world.said, ['queue refused this file, trying again: a'])
})

t.test('a file that changes after it was seen is read when it has settled again', async t => {
  const world = new World(t)
  mkdirSync(world.path)
  world.write('a')
  world.write('b')
  world.queue = async ({ event }) => {
    const other = event.subject === 'a' ? 'b' : 'a'
    if (world.emitted.length === 1) appendFileSync(join(world.path, other), '!')
  }
  await world.started()
  await world.emptied()
  const last = world.emitted[1]!.event
  t.equal(world.emitted.length, 2)
  t.same(last.data, { kind: 'bytes', bytes: Buffer.from(`${last.subject}!`) })
})

t.test('a file that the queue never takes holds up no other', async t => {
  const world = await new World(t).started()
  world.queue = async ({ event }) => {
    if (event.subject === 'poison') throw new Error('no')
  }
  world.write('poison')
  await until(() => world.emitted.length > 0)
  world.write('a')
  world.write('b')
  await until(() => world.files().join() === 'poison')
  t.equal(world.trigger.counters.fired, 2)
  t.equal(world.said.length, 1)
})

t.test('after a crash between queue and folder the same key is emitted again', async t => {
  const world = await new World(t).started()
  world.queue = async () => new Promise(() => {})
  world.write('a')
  await until(() => world.emitted.length === 1)
  await world.trigger.close()
  t.same(world.files(), ['a'])
  world.queue = async () => {}
  world.another().start()
  await world.emptied()
  t.equal(world.emitted.length, 2)
  t.equal(world.emitted[0]?.key, world.emitted[1]?.key)
})

t.test('two hosts with one folder give each file the same key, and lose none', async t => {
  const world = await new World(t).started()
  world.another().start()
  for (let i = 0; i < 150; i++) world.write(`f${i}`)
  await world.emptied()
  t.equal(new Set(world.emitted.map(({ key }) => key)).size, 150)
  t.equal(new Set(world.subjects).size, 150)
})

t.test('a file brought back from .done is an event again', async t => {
  const world = await new World(t, { after: 'keep' }).started()
  world.write('a')
  await until(() => world.files('.done').length === 1)
  renameSync(join(world.path, '.done', 'a'), join(world.path, 'a'))
  await until(() => world.emitted.length === 2 && world.files('.done').length === 1)
  t.not(world.emitted[0]?.key, world.emitted[1]?.key)
})

t.test('files that can be no events are moved away with the reason', async t => {
  const world = await new World(t).started()
  world.write('large', '')
  truncateSync(join(world.path, 'large'), 1024 * 1024 + 1)
  world.write('bad.cloudevent.json', '{}')
  world.write('deep.json', '['.repeat(300) + ']'.repeat(300))
  world.write('swells', Buffer.alloc(1024 * 1024))
  world.write('fits', Buffer.alloc(700 * 1024))
  await world.emptied()
  const refused = join(world.path, '.refused')
  t.same(
    world.files('.refused').filter(name => !name.endsWith('.reason')),
    ['bad.cloudevent.json', 'deep.json', 'large', 'swells'],
  )
  t.match(readFileSync(join(refused, 'large.reason'), 'utf8'), /more than 1048576 bytes/)
  t.match(readFileSync(join(refused, 'bad.cloudevent.json.reason'), 'utf8'), /no specversion/)
  t.match(readFileSync(join(refused, 'deep.json.reason'), 'utf8'), /256 levels/)
  t.equal(statSync(join(refused, 'large')).size, 1024 * 1024 + 1)
  t.same(world.subjects, ['fits'])
  t.equal(world.trigger.counters.missed, 4)
})

t.test('a file that cannot be moved away is emitted once, and the move tried again', async t => {
  const world = await new World(t, { after: 'keep' }).started()
  writeFileSync(join(world.path, '.done'), 'no folder')
  world.write('a')
  await until(() => world.said.length === 1)
  t.same(world.said, ['can not take this file, trying again: a'])
  rmSync(join(world.path, '.done'))
  await world.emptied()
  t.equal(world.emitted.length, 1)
})

// As root every file can be read.
const unreadable = process.getuid?.() === 0 ? 'runs as root' : false
t.test(
  'a file that can not be read is reported once, and tried again',
  { skip: unreadable },
  async t => {
    const world = await new World(t).started()
    world.write('a')
    chmodSync(join(world.path, 'a'), 0)
    await until(() => world.said.length === 1)
    chmodSync(join(world.path, 'a'), 0o600)
    await world.emptied()
    t.equal(world.said.length, 1)
  },
)

t.test('links, folders and names that are none are left alone', async t => {
  const world = await new World(t).started()
  symlinkSync('/etc/hostname', join(world.path, 'link'))
  mkdirSync(join(world.path, 'folder'))
  world.write('a\nb')
  world.write('good')
  await until(() => world.files().length === 3)
  t.same(world.subjects, ['good'])
  t.same(world.said, ['file has a name that no event can have, rename it: a\nb'])
})

t.test(
  'a folder that goes away is reported, not made again, and found when it is back',
  async t => {
    const world = await new World(t).started()
    world.write('a')
    await world.emptied()
    renameSync(world.path, join(world.root, 'elsewhere'))
    await until(() => world.said.length === 1)
    t.same(world.said, ['can not be read, looking again'])
    t.notOk(existsSync(world.path))
    renameSync(join(world.root, 'elsewhere'), world.path)
    world.write('b')
    await world.emptied()
    t.same(world.said, ['can not be read, looking again', 'is back'])
    t.same(world.subjects, ['a', 'b'])
  },
)

t.test('a folder that can not be made is waited for', async t => {
  const world = new World(t)
  writeFileSync(world.path, 'no folder')
  world.trigger.start()
  await until(() => world.said.length === 1)
  rmSync(world.path)
  await until(() => world.said.length === 2)
  world.write('a')
  await world.emptied()
})

t.test('closed, it takes nothing any more', async t => {
  const world = await new World(t).started()
  world.write('a')
  await world.emptied()
  await world.trigger.close()
  world.write('b')
  await world.trigger.close()
  t.same(world.files(), ['b'])
  t.same(world.subjects, ['a'])
})

t.test('it can be closed before it was started', async t => {
  await new World(t).trigger.close()
  t.pass()
})
