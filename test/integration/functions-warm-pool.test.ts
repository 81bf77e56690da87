// AWS's own runtime clients, loaded before there is anything to run.
import { symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { WarmPool } from '../../src/functions/runtime/warm/warm-pool.ts'
import type { FunctionSpec } from '../../src/model/function/function.ts'
import { testInstance } from '../support/functions/instance.ts'
import { nodeRuntimeObstacle } from '../support/functions/node-runtime.ts'
import { pythonObstacle } from '../support/functions/python.ts'
import { functionSpec, GuardRecord } from '../support/functions/sandbox.ts'
import { testFolder } from '../support/test-folder.ts'

function createPool(t: Test): WarmPool {
  const pool = new WarmPool({
    guard: new GuardRecord(),
    environment: { PATH: process.env['PATH'] ?? '' },
    onTrouble: (_, reason) => t.fail(reason),
  })
  t.teardown(() => pool.close())
  return pool
}

async function warm(pool: WarmPool, spec: FunctionSpec): Promise<void> {
  pool.expect(spec, 1)
  while (pool.ready(spec) === 0) await new Promise(done => setTimeout(done, 5))
}

const pythonMissing = pythonObstacle()

t.test(
  'a Python function runs in a process that knew nothing of it',
  { skip: pythonMissing ?? false },
  async t => {
    const directory = testFolder(t, {
      'f.py': `
import os, sys
def handler(event, context):
    return [os.getpid(), os.getcwd(), os.environ['NAME'], context.function_name, sys.path[0], sys.stdin.read()]
`,
    })
    const spec = functionSpec({ runtime: 'python3', directory, environment: { NAME: 'value' } })
    const pool = createPool(t)
    await warm(pool, spec)
    const { instance, invoke, lines } = testInstance(t, spec, pool)
    await instance.start()
    t.same(await invoke({}), [instance.pid, directory, 'value', 'hello', directory, ''])
    t.equal(pool.ready(spec), 0)
    t.same(lines, [])
  },
)

t.test(
  'what the client reads as it is loaded is the function’s',
  { skip: pythonMissing ?? false },
  async t => {
    const directory = testFolder(t, {
      'f.py': 'import logging\ndef handler(e, c):\n    logging.getLogger().error("wrong")\n',
    })
    const environment = { AWS_LAMBDA_LOG_FORMAT: 'JSON' }
    const spec = functionSpec({ runtime: 'python3', directory, environment })
    const pool = createPool(t)
    await warm(pool, spec)
    const { instance, invoke, lines } = testInstance(t, spec, pool)
    await instance.start()
    await invoke({})
    while (lines.length === 0) await new Promise(setImmediate)
    t.match(JSON.parse(lines[0] ?? ''), { level: 'ERROR', message: 'wrong' })
  },
)

t.test(
  'code that can’t be loaded says so from a warm process too',
  { skip: pythonMissing ?? false },
  async t => {
    const spec = functionSpec({ runtime: 'python3', directory: testFolder(t, {}) })
    const pool = createPool(t)
    await warm(pool, spec)
    const { instance, ready } = testInstance(t, spec, pool)
    await instance.start()
    t.match(await ready, { errorType: 'Runtime.ImportModuleError' })
  },
)

t.test(
  'a Node function runs in a process that knew nothing of it',
  { skip: nodeRuntimeObstacle() ?? false },
  async t => {
    const directory = testFolder(t, {
      'f.mjs': `
export const handler = async (event, context) =>
  [process.pid, process.cwd(), process.env.NAME, context.functionName]
`,
    })
    const cache = '../../node_modules/.cache/weft-runtime/node_modules'
    symlinkSync(resolve(import.meta.dirname, cache), join(directory, 'node_modules'))
    const spec = functionSpec({ runtime: 'nodejs22.x', directory, environment: { NAME: 'value' } })
    const pool = createPool(t)
    await warm(pool, spec)
    const { instance, invoke } = testInstance(t, spec, pool)
    await instance.start()
    t.same(await invoke({}), [instance.pid, directory, 'value', 'hello'])
    t.equal(pool.ready(spec), 0)
  },
)
