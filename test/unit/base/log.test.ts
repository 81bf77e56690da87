import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createLogger, silentLogger, type Logger, type LogLevel } from '../../../src/base/log.ts'

/** The lines that `use` logged. */
async function linesOf(
  t: Test,
  level: LogLevel,
  use: (logger: Logger) => void,
): Promise<Record<string, unknown>[]> {
  const file = join(t.testdir(), 'log')
  const descriptor = openSync(file, 'w')
  use(await createLogger({ level, descriptor, fields: { workload: 'orders' } }))
  closeSync(descriptor)
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.filter(line => line !== '').map(line => JSON.parse(line))
}

t.test('a line holds time, level, common fields, fields and message', async t => {
  const [line] = await linesOf(t, 'info', logger => logger.warn({ cluster: 'a' }, 'it broke'))
  t.match(line, {
    time: /^\d{4}-\d\d-\d\dT.*Z$/,
    level: 'warn',
    workload: 'orders',
    cluster: 'a',
    msg: 'it broke',
  })
  t.notOk(line && 'pid' in line)
})

t.test('what is below the level is not written', async t => {
  const lines = await linesOf(t, 'warn', logger => {
    logger.debug({}, 'debug')
    logger.info({}, 'info')
    logger.error({}, 'error')
  })
  t.strictSame(
    lines.map(line => line['msg']),
    ['error'],
  )
})

t.test('an error is written with its cause', async t => {
  const error = new Error('cannot connect', { cause: new Error('refused') })
  const [line] = await linesOf(t, 'info', logger => logger.error({ error }, 'failed'))
  t.match(line, { error: { message: 'cannot connect', cause: { message: 'refused' } } })
})

t.test('secrets are not written, at the top or one level down', async t => {
  const [line] = await linesOf(t, 'info', logger =>
    logger.info({ token: 'SECRET', identity: { privateKey: 'SECRET', id: 'spiffe://a/b' } }, 'got'),
  )
  t.notMatch(JSON.stringify(line), /SECRET/)
  t.match(line, { identity: { id: 'spiffe://a/b' } })
})

t.test('the silent logger takes everything', async t => {
  for (const level of ['debug', 'info', 'warn', 'error'] as const)
    t.equal(silentLogger[level]({}, 'nothing'), undefined)
})
