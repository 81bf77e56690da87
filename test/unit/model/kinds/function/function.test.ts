import t from 'tap'
import { functionKind } from '../../../../../src/model/kinds/function/function.ts'

const head = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'Function',
  metadata: { name: 'hello' },
}

function problemsOf(spec: object): string[] {
  const { error } = functionKind.safeParse({ ...head, spec })
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

t.test('a runtime, the code and a handler are enough', async t => {
  const spec = { runtime: 'python3', code: 'functions/hello', handler: 'main.handler' }
  t.match(functionKind.parse({ ...head, spec }).spec, {
    ...spec,
    memory: 128,
    timeout: 3000,
    initTimeout: 10_000,
    concurrency: 1,
    scale: { min: 0, max: 10, keepAlive: 'auto', tier: 'hot' },
  })
})

t.test('memory is in MiB, whatever it is written in', async t => {
  const memory = (text: string) =>
    functionKind.parse({ ...head, spec: { command: ['x'], code: '.', memory: text } }).spec.memory
  t.equal(memory('512Mi'), 512)
  t.equal(memory('2Gi'), 2048)
})

t.test('every field has its bounds', async t => {
  const valid = { command: ['./run'], code: '.' }
  t.same(problemsOf(valid), [])
  const bad = [
    [{ runtime: 'cobol', command: undefined }, /^spec\.runtime: must be python3/],
    [{ runtime: 'python3' }, /^spec\.runtime: give either a runtime or a command/],
    [{ command: undefined }, /^spec\.runtime: give either/],
    [{ command: [] }, /^spec\.command: /],
    [{ code: '' }, /^spec\.code: /],
    [{ timeout: '16m' }, /^spec\.timeout: must not be over 15 minutes/],
    [{ timeout: '0s' }, /^spec\.timeout: must be longer/],
    [{ memory: '128MB' }, /^spec\.memory: must be a size/],
    [{ concurrency: 0 }, /^spec\.concurrency: /],
    [{ scale: { min: 3, max: 2 } }, /^spec\.scale\.min: must not be over max/],
    [{ environment: { 'a-b': '' } }, /^spec\.environment\.a-b: /],
  ] as const
  for (const [change, message] of bad) {
    const problems = problemsOf({ ...valid, ...change })
    t.match(problems[0], message, JSON.stringify(change))
  }
})
