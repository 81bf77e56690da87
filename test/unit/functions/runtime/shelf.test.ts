import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Shelf, type ShelfEvents } from '../../../../src/functions/runtime/shelf.ts'

interface Item {
  ready: boolean
  end(): void
}

interface Scene {
  readonly shelf: Shelf<Item>
  readonly made: Item[]
  readonly events: ShelfEvents[]
  readonly troubles: string[]
  /** The item made last becomes ready. */
  readonly ready: () => void
  /** So does it end. */
  readonly lose: (reason?: string) => void
}

function scene(t: Test): Scene {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const made: Item[] = []
  const events: ShelfEvents[] = []
  const troubles: string[] = []
  const shelf = new Shelf<Item>({
    make: told => {
      const item = { ready: false, end: () => told.onLost('ended') }
      made.push(item)
      events.push(told)
      return item
    },
    onTrouble: reason => troubles.push(reason),
  })
  return {
    shelf,
    made,
    events,
    troubles,
    ready() {
      const item = made.at(-1)
      if (item !== undefined) item.ready = true
      events.at(-1)?.onReady()
    },
    lose: (reason = 'broken') => events.at(-1)?.onLost(reason),
  }
}

t.test('things are made one after another, as many as are wanted', async t => {
  const { shelf, made, ready } = scene(t)
  shelf.resize(2)
  t.equal(made.length, 1)
  t.equal(shelf.take(), undefined, 'it is not ready')
  shelf.resize(2)
  t.equal(made.length, 1)
  ready()
  t.equal(made.length, 2)
  ready()
  t.equal(made.length, 2)
  t.equal(shelf.ready, 2)
})

t.test('what was taken is put back when starts have ended', async t => {
  const { shelf, made, ready } = scene(t)
  shelf.resize(2)
  ready()
  ready()
  t.equal(shelf.take(), made[0])
  mock.timers.tick(499)
  t.equal(shelf.take(), made[1])
  mock.timers.tick(499)
  t.equal(made.length, 2, 'a burst goes on')
  mock.timers.tick(1)
  t.equal(made.length, 3)
})

t.test('one that ends is replaced, later and later while none becomes ready', async t => {
  const { shelf, made, ready, lose, troubles } = scene(t)
  shelf.resize(1)
  ready()
  lose()
  t.equal(made.length, 1)
  mock.timers.tick(1000)
  t.equal(made.length, 2)
  t.same(troubles, [], 'one may be an accident')
  lose('no module of that name')
  mock.timers.tick(1999)
  t.equal(made.length, 2)
  mock.timers.tick(1)
  t.equal(made.length, 3)
  lose()
  t.same(troubles, ['no module of that name'], 'told once')
  for (let i = 0; i < 20; i++) {
    mock.timers.tick(60_000)
    lose()
  }
  t.equal(made.length, 23, 'at least once a minute')
  mock.timers.tick(60_000)
  ready()
  lose()
  mock.timers.tick(1000)
  t.equal(made.length, 25, 'one that was ready ends the series')
})

t.test('fewer wanted end the surplus, and none is made again', async t => {
  const { shelf, made, ready } = scene(t)
  shelf.resize(2)
  ready()
  ready()
  shelf.resize(1)
  t.equal(shelf.ready, 1)
  await shelf.close()
  t.equal(shelf.ready, 0)
  mock.timers.tick(120_000)
  t.equal(made.length, 2)
})

t.test('closing waits for the last one', async t => {
  const { shelf, made, ready, lose } = scene(t)
  shelf.resize(1)
  ready()
  const [item] = made
  if (item !== undefined) item.end = () => {}
  let closed = false
  const closing = shelf.close().then(() => (closed = true))
  await Promise.resolve()
  t.notOk(closed)
  lose()
  await closing
  t.ok(closed)
})
