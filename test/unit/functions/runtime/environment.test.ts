import { join, resolve } from 'node:path'
import t from 'tap'
import { functionEnvironment } from '../../../../src/functions/runtime/environment.ts'
import type { FunctionSpec } from '../../../../src/model/function/function.ts'

const spec: FunctionSpec = {
  name: 'hello',
  namespace: 'default',
  version: '$LATEST',
  driver: 'process',
  command: ['./bootstrap'],
  protocol: 'lambda',
  handler: 'main.handler',
  input: 'http',
  directory: '/srv/hello',
  environment: { GREETING: 'hi', AWS_REGION: 'eu-1', _HANDLER: 'other' },
  secretFiles: {},
  memoryMib: 256,
  timeoutMs: 3000,
  initTimeoutMs: 10_000,
  concurrency: 1,
  scale: {
    min: 0,
    max: 10,
    keepAliveMs: 60_000,
    target: 0.7,
    tier: 'hot',
    pool: 0,
    zero: 'stopped',
  },
}

function environmentOf(changes: Partial<FunctionSpec> = {}) {
  return functionEnvironment({
    spec: { ...spec, ...changes },
    port: 9001,
    invokeUrl: 'http://127.0.0.1:15001',
    region: 'local',
    instance: 3,
    own: { PATH: '/bin', CONTROL_TOKEN: 'secret' },
  })
}

t.test('of ours it gets what finds programs, and nothing that may be a secret', async t => {
  const environment = await environmentOf()
  t.equal(environment['PATH'], '/bin')
  t.equal(environment['CONTROL_TOKEN'], undefined)
})

t.test('the configuration may replace what is a default, and not by what it finds us', async t => {
  const environment = await environmentOf()
  t.match(environment, {
    GREETING: 'hi',
    AWS_REGION: 'eu-1',
    _HANDLER: 'main.handler',
    AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
    AWS_LAMBDA_LOG_STREAM_NAME: 'hello/[$LATEST]3',
  })
})

t.test('the directory is told in full', async t => {
  const environment = await environmentOf({ directory: 'hello' })
  t.equal(environment['LAMBDA_TASK_ROOT'], resolve('hello'))
})

t.test('several events at once are announced', async t => {
  t.equal((await environmentOf())['AWS_LAMBDA_MAX_CONCURRENCY'], undefined)
  t.equal((await environmentOf({ concurrency: 8 }))['AWS_LAMBDA_MAX_CONCURRENCY'], '8')
})

t.test('a secret is read from its file, without the line end', async t => {
  const folder = t.testdir({ key: 's3cret\n' })
  const environment = await environmentOf({ secretFiles: { API_KEY: join(folder, 'key') } })
  t.equal(environment['API_KEY'], 's3cret')
  await t.rejects(environmentOf({ secretFiles: { API_KEY: join(folder, 'none') } }), /none/)
})
