import t, { type Test } from 'tap'
import { silentLogger } from '../../../src/base/log.ts'
import { ConfigurationError, ConfigurationFeed } from '../../../src/control/configuration-feed.ts'
import type { LoadResult } from '../../../src/model/configuration.ts'
import { configurationIn, serviceYaml } from '../model/configurations.ts'

function good(name: string): LoadResult {
  return { configuration: configurationIn(serviceYaml(name)), problems: [] }
}

function bad(...messages: string[]): LoadResult {
  const problems = messages.map(message => {
    return { file: 'mesh.yaml', line: 1, column: 1, path: '', message }
  })
  return { configuration: configurationIn(), problems }
}

/** A feed whose source gives these results to each load; the test makes its changes. */
async function open(t: Test, ...results: (LoadResult | Promise<LoadResult>)[]) {
  let tell: (result: LoadResult) => void = () => t.fail('is not watched')
  let closed = false
  const errors: string[] = []
  const clock = { now: 0 }
  const feed = await ConfigurationFeed.open({
    source: {
      load: async () => (await results.shift()) ?? bad('loaded too often'),
      watch: async onChange => {
        tell = onChange
      },
      close: () => {
        closed = true
      },
    },
    logger: { ...silentLogger, error: fields => errors.push(JSON.stringify(fields)) },
    now: () => clock.now,
  })
  return {
    feed,
    clock,
    errors,
    change: (result: LoadResult) => tell(result),
    isClosed: () => closed,
    service: () => feed.configuration.services[0]?.metadata.name,
  }
}

t.test('it opens with a configuration that has no problems', async t => {
  const { feed, service } = await open(t, good('orders'))
  t.equal(service(), 'orders')
  t.strictSame(feed.status, { loadedAt: '1970-01-01T00:00:00.000Z', problems: [] })
})

t.test('it does not open with one that has, and says all of them', async t => {
  await t.rejects(open(t, bad('one', 'two')), {
    name: 'ConfigurationError',
    message: 'mesh.yaml:1:1 one\nmesh.yaml:1:1 two',
  })
  await t.rejects(open(t, bad('one')), ConfigurationError)
})

t.test('an edit since the first reading is found when it begins to follow', async t => {
  const { feed, service } = await open(t, good('orders'), good('payments'))
  let changes = 0
  await feed.follow(() => changes++)
  t.equal(service(), 'payments')
  t.equal(changes, 1)
})

t.test('a good edit is taken over and told', async t => {
  const { feed, service, change, clock } = await open(t, good('orders'), good('orders'))
  const seen: unknown[] = []
  await feed.follow(() => seen.push(service()))
  clock.now = 1000
  change(good('users'))
  t.strictSame(seen, ['orders', 'users'])
  t.equal(feed.status.loadedAt, '1970-01-01T00:00:01.000Z')
})

t.test('an edit with a problem changes nothing but the status, until one is good', async t => {
  const { feed, service, change, clock, errors } = await open(t, good('orders'), good('orders'))
  let changes = 0
  await feed.follow(() => changes++)
  clock.now = 1000
  change(bad('unknown field', 'and another'))
  t.equal(service(), 'orders')
  t.equal(changes, 1)
  t.match(feed.status, {
    loadedAt: '1970-01-01T00:00:00.000Z',
    problems: [{ message: 'unknown field' }, { message: 'and another' }],
  })
  t.match(errors, [/unknown field.*and another/])
  change(good('users'))
  t.equal(service(), 'users')
  t.strictSame(feed.status.problems, [])
})

t.test('a reading that took longer than the next edit does not undo it', async t => {
  const slow = Promise.withResolvers<LoadResult>()
  const { feed, service, change } = await open(t, good('orders'), slow.promise)
  const following = feed.follow(() => {})
  await new Promise(resolve => setImmediate(resolve))
  change(good('newer'))
  slow.resolve(good('older'))
  await following
  t.equal(service(), 'newer')
})

t.test('its end is its source’s end', async t => {
  const { feed, isClosed } = await open(t, good('orders'))
  feed.close()
  t.equal(isClosed(), true)
})
